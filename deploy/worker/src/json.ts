import { invalidField, invalidJson } from "./errors";
import { escapeUnprintable, shorten } from "./text";

const MAX_DEPTH = 127;
const MAX_PROBLEM = 100;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Parses a body. What it returns nests no deeper than MAX_DEPTH, so that recursion over it is safe. */
export function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0) throw invalidJson("the body is empty; send the day as a JSON object");
  const text = decode(bytes);
  if (depth(bytes) > MAX_DEPTH) {
    throw invalidJson(`the body nests arrays and objects deeper than ${MAX_DEPTH} levels`);
  }
  if (hasHalfSurrogate(text)) {
    throw invalidJson(
      "the body has half of a surrogate pair in a \\u escape, which is no character",
    );
  }
  try {
    return JSON.parse(text, HAS_INEXACT_ID.test(text) ? keepInexactId : undefined);
  } catch (error) {
    // It quotes the body: some of it, or, a short one, all of it.
    const problem = escapeUnprintable(shorten((error as Error).message, MAX_PROBLEM));
    throw invalidJson(`the body is not JSON: ${problem}`);
  }
}

/** Writes an object from its members. An object literal would lose `__proto__` and reorder "123". */
export function writeObject(members: Iterable<readonly [key: string, json: string]>): string {
  const parts = Array.from(members, ([key, json]) => `${JSON.stringify(key)}:${json}`);
  return `{${parts.join(",")}}`;
}

export function writeArray(elements: readonly string[]): string {
  return `[${elements.join(",")}]`;
}

/** Writes any JSON value other than null, leaving out every null inside it. */
export function writeWithoutNulls(value: unknown, path: string): string {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw invalidField(path, "is a number too large for a double");
  }
  if (Array.isArray(value)) {
    return writeArray(
      value.flatMap((element, i) =>
        element === null ? [] : [writeWithoutNulls(element, `${path}[${i}]`)],
      ),
    );
  }
  if (typeof value === "object" && value !== null) {
    return writeObject(
      Object.entries(value).flatMap(([key, member]) =>
        member === null ? [] : [[key, writeWithoutNulls(member, `${path}.${key}`)] as const],
      ),
    );
  }
  return JSON.stringify(value);
}

/** A double holds 2^53 + 1 as 2^53. In the few bodies with such digits, the id stays a text, which is exact. */
const HAS_INEXACT_ID = /"trade_id"\s*:\s*-?9\.?00719925474099[23]/;

function keepInexactId(key: string, value: unknown, context?: { source?: string }): unknown {
  const isOnEdge = key === "trade_id" && typeof value === "number" && Math.abs(value) === 2 ** 53;
  return isOnEdge ? context?.source : value;
}

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw invalidJson("the body is not UTF-8");
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = [0x5b, 0x7b];
const CLOSE = [0x5d, 0x7d];

function depth(bytes: Uint8Array): number {
  let current = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (inString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) {
      inString = true;
    } else if (byte === OPEN[0] || byte === OPEN[1]) {
      deepest = Math.max(deepest, ++current);
    } else if (byte === CLOSE[0] || byte === CLOSE[1]) {
      current--;
    }
  }
  return deepest;
}

/** JavaScript lets a lone surrogate through; UTF-8, and so the database, can't hold one. */
function hasHalfSurrogate(text: string): boolean {
  if (!/\\u[dD]/.test(text)) return false;
  const escapes = /\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)/gs;
  for (const [, half] of text.matchAll(escapes)) if (half) return true;
  return false;
}
