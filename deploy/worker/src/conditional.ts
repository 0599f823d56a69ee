const ENTITY_TAGS = /(?:W\/)?("[^"]*")/g;

/** The response to a GET: the body with its entity tag, or 304 if `If-None-Match` has the tag. */
export async function jsonResponse(request: Request, body: string): Promise<Response> {
  const tag = await tagOf(body);
  // `private`, because the response depends on a token, and a shared cache must not send it to other callers.
  const headers = { ETag: tag, "Cache-Control": "private, no-cache" };
  if (matches(request.headers.get("If-None-Match"), tag)) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(body, { headers: { ...headers, "Content-Type": "application/json" } });
}

/** A digest of the body, because a day can be stored again with the same `updated_at` and other content. */
async function tagOf(body: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(body));
  const bytes = new Uint8Array(digest, 0, 16);
  return `"${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}"`;
}

/** Weak tags match too (RFC 9110, section 13.1.2): a proxy that compresses a response makes its tag weak. */
function matches(ifNoneMatch: string | null, tag: string): boolean {
  if (ifNoneMatch === null) return false;
  if (ifNoneMatch.trim() === "*") return true;
  return Array.from(ifNoneMatch.matchAll(ENTITY_TAGS)).some(([, candidate]) => candidate === tag);
}
