import { invalidField, invalidJson } from "./errors";
import { markKeys, scan, removeMark } from "./scan";
import { printable } from "./text";

const MAX_DEPTH = 127;
const MAX_PARSER_MESSAGE = 100;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Parses a body. The value nests at most MAX_DEPTH levels, so recursion over it is safe. Read the members
 * of its objects with `entriesOf`, which restores the keys that were sent.
 */
export function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0) throw invalidJson("the body is empty; send the day as a JSON object");
  const text = decode(bytes);
  const { depth, keysToMark, hasInexactId } = scan(bytes);
  if (depth > MAX_DEPTH) {
    throw invalidJson(`the body nests arrays and objects deeper than ${MAX_DEPTH} levels`);
  }
  if (hasLoneSurrogate(text)) {
    throw invalidJson(
      "the body has half of a surrogate pair in a \\u escape, which is not a character",
    );
  }
  const reviver = hasInexactId ? keepIdText : undefined;
  try {
    const value: unknown = JSON.parse(text, reviver);
    if (keysToMark.length === 0) return value;
    return JSON.parse(decode(markKeys(bytes, keysToMark)), reviver);
  } catch (error) {
    // The parser's message quotes the body, so it is shortened and escaped.
    const problem = printable((error as Error).message, MAX_PARSER_MESSAGE);
    throw invalidJson(`the body is not JSON: ${problem}`);
  }
}

/** Writes a JSON object. A JavaScript object would drop the key `__proto__` and reorder keys such as "123". */
export function writeObject(members: Iterable<readonly [key: string, json: string]>): string {
  const parts = Array.from(members, ([key, json]) => `${JSON.stringify(key)}:${json}`);
  return `{${parts.join(",")}}`;
}

export function writeArray(elements: readonly string[]): string {
  return `[${elements.join(",")}]`;
}

/** Writes a JSON value that is not null, and skips all nulls inside it. */
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

/** The members of a parsed object, in the order of the document. */
export function entriesOf(object: object): [key: string, value: unknown][] {
  return Object.entries(object).map(([key, value]) => [removeMark(key), value]);
}

/** The source texts of numeric ids, by the object that contains them. A double would round 2^53 + 1 to 2^53. */
const idTexts = new WeakMap<object, string>();

function keepIdText(this: object, key: string, value: unknown, context?: { source?: string }) {
  if (key === "trade_id" && typeof value === "number" && context?.source !== undefined) {
    idTexts.set(this, context.source);
  }
  return value;
}

/** An object's `trade_id`: its source text if the number may be rounded. */
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

/** JSON.parse accepts a lone surrogate, but UTF-8, and so the database, can't represent one. */
function hasLoneSurrogate(text: string): boolean {
  if (!/\\u[dD]/.test(text)) return false;
  const escapes = /\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)/gs;
  for (const [, lone] of text.matchAll(escapes)) if (lone) return true;
  return false;
}
