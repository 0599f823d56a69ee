import { invalidField } from "./errors";

/** A parsed JSON value. Null and undefined both mean absent. */
export type Json = unknown;
export type JsonObject = { [key: string]: Json };

export type ValueKind = "number" | "percent" | "text";

const WHITE_SPACE = /\p{White_Space}/u;
// Two expressions, because one with a repeated group overflows the stack on a text of several megabytes.
const NUMBER = /^[+-]?[\d,]+(?:\.\d+)?$/;
const COMMA_NOT_BETWEEN_DIGITS = /^[+-]?,|,,|,(?:\.|$)/;
const DATE = /^(\d{4})-(\d\d)-(\d\d)/;
const CLOCK = "([01]\\d|2[0-3]):[0-5]\\d";
const ZONE = "Z|[+-](?:[01]\\d|2[0-3])(?::?[0-5]\\d)?";
const TIME_OF_DAY = new RegExp(`^[T ]${CLOCK}(?::[0-5]\\d(?:\\.\\d{1,9})?)?(?:${ZONE})?$`);

export function isAbsent(value: Json): value is null | undefined {
  return value === null || value === undefined;
}

/** Trims Unicode's White_Space. `String.trim` differs: it keeps U+0085 and removes U+FEFF. */
export function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && WHITE_SPACE.test(text[start]!)) start++;
  while (end > start && WHITE_SPACE.test(text[end - 1]!)) end--;
  return text.slice(start, end);
}

export function readObject(value: Json, path: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as JsonObject;
  }
  throw invalidField(path, `must be an object, not ${typeName(value)}`);
}

export function readArray(value: Json, path: string): Json[] {
  if (Array.isArray(value)) return value;
  throw invalidField(path, `must be an array, not ${typeName(value)}`);
}

export function readString(value: Json, path: string): string {
  if (typeof value === "string") return value;
  throw invalidField(path, `must be a string, not ${typeName(value)}`);
}

/** Reads the name of a KPI or a contract. */
export function readName(value: Json, path: string): string {
  const name = trim(readString(value, path));
  if (name === "") throw invalidField(path, "must not be empty");
  return name;
}

/** Reads a symbol; undefined if it is absent or blank. */
export function readSymbol(value: Json, path: string): string | undefined {
  if (isAbsent(value)) return undefined;
  const symbol = trim(readString(value, path));
  return symbol === "" ? undefined : symbol;
}

export function readDate(value: Json, path: string): string {
  const date = readString(value, path);
  if (!isDate(date)) throw invalidField(path, "must be a day that exists, written YYYY-MM-DD");
  return date;
}

export function isDate(text: string): boolean {
  return text.length === 10 && startsWithDay(text);
}

export function readTime(value: Json, path: string): string {
  const time = trim(readString(value, path));
  const rest = time.slice(10);
  if (!startsWithDay(time) || (rest !== "" && !TIME_OF_DAY.test(rest))) {
    throw invalidField(path, "must be a time such as 2026-02-11 or 2026-02-11T14:00:00.000Z");
  }
  return time;
}

/** Reads a KPI's value as text; an empty text if it is absent. */
export function readValueText(value: Json, path: string): string {
  if (isAbsent(value)) return "";
  if (typeof value === "number") return String(finite(value, path));
  if (typeof value === "string") return trim(value);
  throw invalidField(path, `must be a string or a number, not ${typeName(value)}`);
}

export function classify(text: string): { kind: ValueKind; num: number | null } {
  if (text.endsWith("%")) return { kind: "percent", num: parseNumber(trim(text.slice(0, -1))) };
  const num = parseNumber(text);
  return { kind: num === null ? "text" : "number", num };
}

export function finite(number: number, path: string): number {
  if (!Number.isFinite(number)) throw invalidField(path, "is a number too large for a double");
  return number;
}

function parseNumber(text: string): number | null {
  if (!NUMBER.test(text) || COMMA_NOT_BETWEEN_DIGITS.test(text)) return null;
  const num = Number(text.replaceAll(",", ""));
  return Number.isFinite(num) ? num : null;
}

function startsWithDay(text: string): boolean {
  const [, year, month, day] = (DATE.exec(text) ?? []).map(Number);
  if (year === undefined || month === undefined || day === undefined) return false;
  return month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month);
}

function daysInMonth(year: number, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31;
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return isLeap ? 29 : 28;
}

export function typeName(value: Json): string {
  if (isAbsent(value)) return "absent";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
