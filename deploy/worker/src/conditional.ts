const TAGS = /(?:W\/)?("[^"]*")/g;

/** The answer to a GET, or 304 where the caller has it already. */
export async function jsonWithTag(request: Request, body: string): Promise<Response> {
  const tag = await tagOf(body);
  // Private: the answer depends on a token that caches don't know.
  const headers = { ETag: tag, "Cache-Control": "private, no-cache" };
  if (matches(request.headers.get("If-None-Match"), tag)) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(body, { headers: { ...headers, "Content-Type": "application/json" } });
}

/** From the whole answer: a day can be stored again with the same `updated_at`. */
async function tagOf(body: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(body));
  const bytes = new Uint8Array(digest, 0, 16);
  return `"${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}"`;
}

/** Weak tags match too: a proxy that compresses an answer makes its tag weak. */
function matches(wanted: string | null, tag: string): boolean {
  if (wanted === null) return false;
  if (wanted.trim() === "*") return true;
  return Array.from(wanted.matchAll(TAGS)).some(([, candidate]) => candidate === tag);
}
