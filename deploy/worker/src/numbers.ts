import { invalidField } from "./errors";
import { quote } from "./text";
import { finite, trim, typeName, type Json } from "./values";

const MAX_ID = 2n ** 53n;
const NUMERIC_TEXT = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d+))?$/;
const NOT_FINITE = new Set(["NaN", "Infinity", "-Infinity"]);

/**
 * A finite number, or its text: some database drivers give BIGINT and NUMERIC as text. Undefined is a
 * lost number: the text of NaN or of an infinity, which no JSON number can say.
 */
export function readNumber(value: Json, path: string): number | undefined {
  if (typeof value === "number") return finite(value, path);
  const text = readText(value, path, "a number");
  if (NOT_FINITE.has(text)) return undefined;
  if (!NUMERIC_TEXT.test(text)) throw notA("a number", text, path);
  return finite(Number(text), path);
}

/** A whole number up to 2^53, or its text, which is read digit by digit: a double would round it. */
export function readId(value: Json, path: string): number {
  const wanted = "a whole number";
  const text = typeof value === "number" ? String(value) : readText(value, path, wanted);
  const [matched, sign, decimals = "", exponent = "0"] = NUMERIC_TEXT.exec(text) ?? [];
  if (matched === undefined) throw notA(wanted, text, path);
  const size = wholeNumber(decimals, Number(exponent));
  if (size === undefined) throw notA(wanted, text, path);
  if (size > MAX_ID) {
    throw invalidField(path, "is past 2^53, where a JSON number no longer says which id it is");
  }
  return sign === "-" ? -Number(size) : Number(size);
}

/** Undefined for what is no whole number. What has more digits than an id is only known to be larger. */
function wholeNumber(decimals: string, exponent: number): bigint | undefined {
  const [whole = "", fraction = ""] = decimals.split(".");
  const digits = whole + fraction;
  let start = 0;
  let end = digits.length;
  while (start < end && digits[start] === "0") start++;
  while (end > start && digits[end - 1] === "0") end--;
  if (start === end) return 0n;

  const zeros = whole.length - end + exponent; // those that follow the digits
  if (zeros < 0) return undefined;
  if (end - start + zeros > String(MAX_ID).length) return MAX_ID + 1n;
  return BigInt(digits.slice(start, end) + "0".repeat(zeros));
}

function readText(value: Json, path: string, wanted: string): string {
  if (typeof value === "string") return trim(value);
  throw invalidField(path, `must be ${wanted}, not ${typeName(value)}`);
}

function notA(wanted: string, text: string, path: string) {
  return invalidField(path, `must be ${wanted}, not ${quote(text)}`);
}
