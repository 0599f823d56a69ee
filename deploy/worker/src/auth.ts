import { ApiError, unavailable } from "./errors";

export interface Secrets {
  /** One token, or several that are valid at once while one replaces another: commas or lines. */
  INTERNAL_TOKEN?: string;
  /** Where it is set, a snapshot must be signed. */
  SIGNING_SECRET?: string;
}

const encoder = new TextEncoder();

export async function checkToken(request: Request, secrets: Secrets): Promise<void> {
  const tokens = (secrets.INTERNAL_TOKEN ?? "").split(/[,\n]/).map((token) => token.trim());
  const valid = tokens.filter((token) => token !== "");
  if (valid.length === 0) {
    throw unavailable("not_configured", "this Worker has no INTERNAL_TOKEN; set the secret first");
  }

  // Digests have one length, and every token is compared, so the time says nothing about any.
  const presented = await sha256(request.headers.get("X-Internal-Token") ?? "");
  let matches = false;
  for (const token of valid) {
    matches = crypto.subtle.timingSafeEqual(presented, await sha256(token)) || matches;
  }
  if (!matches) throw forbidden("X-Internal-Token is absent or wrong");
}

export async function checkSignature(
  request: Request,
  body: Uint8Array,
  secrets: Secrets,
): Promise<void> {
  if (!secrets.SIGNING_SECRET) return;
  const signature = request.headers.get("X-Signature") ?? "";
  const valid =
    /^[0-9a-f]{64}$/.test(signature) &&
    (await isSignature(signature, body, secrets.SIGNING_SECRET));
  if (!valid) {
    throw forbidden(
      "X-Signature is absent or wrong; it is the lower-case hex HMAC-SHA256 of the body's bytes",
    );
  }
}

async function isSignature(hex: string, body: Uint8Array, secret: string): Promise<boolean> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const secretBytes = encoder.encode(secret);
  const key = await crypto.subtle.importKey("raw", secretBytes, algorithm, false, ["verify"]);
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  return crypto.subtle.verify("HMAC", key, bytes, body); // in constant time
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", encoder.encode(text));
}

function forbidden(message: string): ApiError {
  return new ApiError(403, "forbidden", message);
}
