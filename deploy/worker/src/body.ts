import { tooLarge } from "./errors";

/** Four times the limit of a stored day, because white space and ignored fields are not stored. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

/** A larger body is read and discarded up to this size, because a client reads the response only after it has sent the body. */
const MAX_DISCARDED_BYTES = 128 * 1024 * 1024;

export async function readBody(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > MAX_DISCARDED_BYTES) break;
    if (length <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (length > MAX_BODY_BYTES) throw bodyTooLarge();

  const body = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.length;
  }
  return body;
}

function bodyTooLarge() {
  return tooLarge(`the body is larger than ${MAX_BODY_BYTES} bytes; send fewer points`);
}
