import { invalidField } from "./errors";
import { quote } from "./text";
import { finite, trim, typeName, type Json } from "./values";

const MAX_ID = 2n ** 53n;
const NUMERIC_TEXT = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d+))?$/;
const NOT_FINITE = new Set(["NaN", "Infinity", "-Infinity"]);

/**
 * Reads a finite number, or its text, because some database drivers return BIGINT and NUMERIC as text.
 * Undefined for the text of NaN or an infinity, which JSON numbers can't represent.
 */
export function readNumber(value: Json, path: string): number | undefined {
  if (typeof value === "number") return finite(value, path);
  const text = readText(value, path, "a number");
  if (NOT_FINITE.has(text)) return undefined;
  if (!NUMERIC_TEXT.test(text)) throw notA("a number", text, path);
  return finite(Number(text), path);
}

/** Reads a whole number up to 2^53, or its text. The text is read digit by digit, because a double would round it. */
export function readId(value: Json, path: string): number {
  const expected = "a whole number";
  const text = typeof value === "number" ? String(value) : readText(value, path, expected);
  const [matched, sign, decimals = "", exponent = "0"] = NUMERIC_TEXT.exec(text) ?? [];
  if (matched === undefined) throw notA(expected, text, path);
  const size = wholeNumber(decimals, Number(exponent));
  if (size === undefined) throw notA(expected, text, path);
  if (size > MAX_ID) {
    throw invalidField(path, "is larger than 2^53, and JSON numbers of that size are not exact");
  }
  return sign === "-" ? -Number(size) : Number(size);
}

/** Undefined if it is not a whole number. MAX_ID + 1 for all numbers with more digits than MAX_ID. */
function wholeNumber(decimals: string, exponent: number): bigint | undefined {
  const [whole = "", fraction = ""] = decimals.split(".");
  const digits = whole + fraction;
  let start = 0;
  let end = digits.length;
  while (start < end && digits[start] === "0") start++;
  while (end > start && digits[end - 1] === "0") end--;
  if (start === end) return 0n;

  const zeros = whole.length - end + exponent; // the number of zeros after the digits
  if (zeros < 0) return undefined;
  if (end - start + zeros > String(MAX_ID).length) return MAX_ID + 1n;
  return BigInt(digits.slice(start, end) + "0".repeat(zeros));
}

function readText(value: Json, path: string, expected: string): string {
  if (typeof value === "string") return trim(value);
  throw invalidField(path, `must be ${expected}, not ${typeName(value)}`);
}

function notA(expected: string, text: string, path: string) {
  return invalidField(path, `must be ${expected}, not ${quote(text)}`);
}
