import { ApiError, unavailable } from "./errors";

export interface Secrets {
  /** Tokens that permit reading and writing, separated by commas or line breaks. All are valid, so a token can be rotated. */
  INTERNAL_TOKEN?: string;
  /** Tokens that permit only reading, in the same format. */
  READ_TOKEN?: string;
  /** If set, snapshots must be signed with one of these secrets, in the same format. */
  SIGNING_SECRET?: string;
}

export type Access = "read" | "write";

interface Credential {
  header: string;
  secret: "INTERNAL_TOKEN" | "READ_TOKEN";
}

const WRITER: Credential = { header: "X-Internal-Token", secret: "INTERNAL_TOKEN" };
const READER: Credential = { header: "X-Read-Token", secret: "READ_TOKEN" };

/** The credentials that permit each kind of access. A blank secret permits nothing. */
const CREDENTIALS: Record<Access, Credential[]> = { read: [WRITER, READER], write: [WRITER] };

const encoder = new TextEncoder();

export async function checkToken(
  request: Request,
  secrets: Secrets,
  access: Access,
): Promise<void> {
  const permitted = CREDENTIALS[access];
  const configured = permitted.filter(({ secret }) => valuesOf(secrets[secret]).length > 0);
  if (configured.length === 0) {
    const names = permitted.map(({ secret }) => secret).join(" and no ");
    throw unavailable("not_configured", `this Worker has no ${names}; set the secret first`);
  }

  let matches = false;
  for (const { header, secret } of configured) {
    matches = (await isOneOf(request.headers.get(header), valuesOf(secrets[secret]))) || matches;
  }
  if (matches) return;
  const headers = configured.map(({ header }) => header).join(" or ");
  throw forbidden(`${headers} is absent or wrong`);
}

function valuesOf(secret: string | undefined): string[] {
  const values = (secret ?? "").split(/[,\n]/).map((value) => value.trim());
  return values.filter((value) => value !== "");
}

/** Compares digests, which all have the same length, and every token, so the duration does not depend on the tokens. */
async function isOneOf(presented: string | null, tokens: string[]): Promise<boolean> {
  const digest = await sha256(presented ?? "");
  let matches = false;
  for (const token of tokens) {
    matches = crypto.subtle.timingSafeEqual(digest, await sha256(token)) || matches;
  }
  return matches;
}

export async function checkSignature(
  request: Request,
  body: Uint8Array,
  secrets: Secrets,
): Promise<void> {
  if (secrets.SIGNING_SECRET === undefined) return;
  const signingSecrets = valuesOf(secrets.SIGNING_SECRET);
  if (signingSecrets.length === 0) {
    const problem =
      "this Worker's SIGNING_SECRET is blank; set it, or delete it to accept unsigned days";
    throw unavailable("not_configured", problem);
  }
  const signature = request.headers.get("X-Signature") ?? "";
  let isValid = false;
  if (/^[0-9a-f]{64}$/.test(signature)) {
    for (const secret of signingSecrets) {
      isValid = (await isSignature(signature, body, secret)) || isValid;
    }
  }
  if (!isValid) {
    throw forbidden(
      "X-Signature is absent or wrong; it must be the lower-case hex HMAC-SHA256 of the body's bytes",
    );
  }
}

async function isSignature(hex: string, body: Uint8Array, secret: string): Promise<boolean> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const secretBytes = encoder.encode(secret);
  const key = await crypto.subtle.importKey("raw", secretBytes, algorithm, false, ["verify"]);
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  return crypto.subtle.verify("HMAC", key, bytes, body); // compares in constant time
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", encoder.encode(text));
}

function forbidden(message: string): ApiError {
  return new ApiError(403, "forbidden", message);
}
