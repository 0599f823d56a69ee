/** Properties of a body that are needed before it is parsed. */
export interface ScanResult {
  /** The nesting depth of arrays and objects. */
  depth: number;
  /** The offsets of the opening quotes of the keys that must be marked. */
  keysToMark: number[];
  /** Whether a `trade_id` is a number that a double may not represent exactly. */
  hasInexactId: boolean;
}

/** JavaScript moves keys that look like array indexes to the front of an object. A mark prevents that. */
const MARK = "#";
const NEEDS_MARK = /^(?:#|(?:0|[1-9]\d{0,9})$)/;
/** Different decimals with up to 15 digits are different doubles. */
const MAX_EXACT_DIGITS = 15;

const QUOTE = 0x22;
const HASH = 0x23;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN = [0x5b, 0x7b];
const BACKSLASH = 0x5c;
const CLOSE = [0x5d, 0x7d];
const T = 0x74;
const EXPONENT = [0x45, 0x65];
const WHITE_SPACE = [0x20, 0x0a, 0x0d, 0x09];
const decoder = new TextDecoder();

/** Scans the bytes once. If they are not JSON, only the depth is meaningful. */
export function scan(bytes: Uint8Array): ScanResult {
  const result: ScanResult = { depth: 0, keysToMark: [], hasInexactId: false };
  let depth = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte === QUOTE) {
      const start = i;
      let isEscaped = false;
      for (i++; i < bytes.length && bytes[i] !== QUOTE; i++) {
        if (bytes[i] !== BACKSLASH) continue;
        isEscaped = true;
        i++;
      }
      const next = skipWhiteSpace(bytes, i + 1);
      if (bytes[next] === COLON) scanKey(bytes, start, i, isEscaped, next + 1, result);
    } else if (byte === OPEN[0] || byte === OPEN[1]) {
      result.depth = Math.max(result.depth, ++depth);
    } else if (byte === CLOSE[0] || byte === CLOSE[1]) {
      depth--;
    }
  }
  return result;
}

function scanKey(
  bytes: Uint8Array,
  start: number,
  end: number,
  isEscaped: boolean,
  valueStart: number,
  result: ScanResult,
): void {
  const first = bytes[start + 1]!;
  const needsCheck =
    isEscaped ||
    isDigit(first) ||
    first === HASH ||
    (first === T && end - start - 1 === "trade_id".length);
  if (!needsCheck) return;
  const key = readKey(bytes.subarray(start, end + 1));
  if (NEEDS_MARK.test(key)) result.keysToMark.push(start);
  if (key === "trade_id" && mayBeInexact(bytes, skipWhiteSpace(bytes, valueStart))) {
    result.hasInexactId = true;
  }
}

function readKey(token: Uint8Array): string {
  try {
    return JSON.parse(decoder.decode(token)) as string;
  } catch {
    return ""; // the body is not JSON; parsing it reports the error
  }
}

/** Whether the value is a number with an exponent or with more than MAX_EXACT_DIGITS digits. */
function mayBeInexact(bytes: Uint8Array, start: number): boolean {
  let digits = 0;
  let i = bytes[start] === MINUS ? start + 1 : start;
  for (; isDigit(bytes[i]) || bytes[i] === POINT; i++) {
    if (bytes[i] !== POINT) digits++;
  }
  return digits > MAX_EXACT_DIGITS || (digits > 0 && EXPONENT.includes(bytes[i]!));
}

/** Inserts a mark at the start of each of the keys. */
export function markKeys(bytes: Uint8Array, keys: number[]): Uint8Array {
  const marked = new Uint8Array(bytes.length + keys.length);
  let from = 0;
  keys.forEach((start, i) => {
    const nameStart = start + 1; // after the quote
    marked.set(bytes.subarray(from, nameStart), from + i);
    marked[nameStart + i] = HASH;
    from = nameStart;
  });
  marked.set(bytes.subarray(from), from + keys.length);
  return marked;
}

/** Removes the mark from a key. */
export function removeMark(key: string): string {
  return key.startsWith(MARK) ? key.slice(1) : key;
}

function skipWhiteSpace(bytes: Uint8Array, start: number): number {
  let i = start;
  while (bytes[i]! <= 0x20 && WHITE_SPACE.includes(bytes[i]!)) i++;
  return i;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}
