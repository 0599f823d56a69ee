import { invalidField, invalidJson } from "./errors";
import { markKeys, scan, unmarked } from "./scan";
import { printable } from "./text";

const MAX_DEPTH = 127;
const MAX_PROBLEM = 100;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Parses a body. What it returns nests no deeper than MAX_DEPTH, so that recursion over it is safe. Read
 * the members of its objects with `entriesOf`, which gives the keys as they were sent.
 */
export function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0) throw invalidJson("the body is empty; send the day as a JSON object");
  const text = decode(bytes);
  const { depth, keysToMark, hasUnusualId } = scan(bytes);
  if (depth > MAX_DEPTH) {
    throw invalidJson(`the body nests arrays and objects deeper than ${MAX_DEPTH} levels`);
  }
  if (hasHalfSurrogate(text)) {
    throw invalidJson(
      "the body has half of a surrogate pair in a \\u escape, which is no character",
    );
  }
  const reviver = hasUnusualId ? keepIdText : undefined;
  try {
    const value: unknown = JSON.parse(text, reviver);
    if (keysToMark.length === 0) return value;
    return JSON.parse(decode(markKeys(bytes, keysToMark)), reviver);
  } catch (error) {
    // It quotes the body: some of it, or, a short one, all of it.
    const problem = printable((error as Error).message, MAX_PROBLEM);
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
      entriesOf(value).flatMap(([key, member]) =>
        member === null ? [] : [[key, writeWithoutNulls(member, `${path}.${key}`)] as const],
      ),
    );
  }
  return JSON.stringify(value);
}

/** The members of a parsed object in the order of the document. */
export function entriesOf(object: object): [key: string, value: unknown][] {
  return Object.entries(object).map(([key, value]) => [unmarked(key), value]);
}

/** The texts of ids that are numbers, by the objects that hold them: a double holds 2^53 + 1 as 2^53. */
const idTexts = new WeakMap<object, string>();

function keepIdText(this: object, key: string, value: unknown, context?: { source?: string }) {
  if (key === "trade_id" && typeof value === "number" && context?.source !== undefined) {
    idTexts.set(this, context.source);
  }
  return value;
}

/** An object's `trade_id`: as a text, which is exact, where the number may not be. */
export function idOf(object: { [key: string]: unknown }): unknown {
  return idTexts.get(object) ?? object["trade_id"];
}

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw invalidJson("the body is not UTF-8");
  }
}

/** JavaScript lets a lone surrogate through; UTF-8, and so the database, can't hold one. */
function hasHalfSurrogate(text: string): boolean {
  if (!/\\u[dD]/.test(text)) return false;
  const escapes = /\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)/gs;
  for (const [, half] of text.matchAll(escapes)) if (half) return true;
  return false;
}
