const MAX_QUOTED = 100;
const MAX_PATH = 300;

// Controls, line separators, and the marks that reorder or hide text on a terminal.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A caller's text inside a message: in quotes, on one line, and of a bounded length. */
export function quote(text: string): string {
  return `"${printable(text, MAX_QUOTED)}"`;
}

/** The path of a field, whose parts can be keys of the caller's document. Its end names the field. */
export function printablePath(path: string): string {
  if (path.length <= MAX_PATH) {
    const escaped = escapeUnprintable(path);
    if (escaped.length <= MAX_PATH) return escaped;
  }
  const half = MAX_PATH / 2;
  const start = Array.from(path.slice(0, half));
  const end = Array.from(path.slice(-half)).reverse();
  return `${escapeWithin(start, half).join("")}…${escapeWithin(end, half).reverse().join("")}`;
}

/** Text on one line, its unprintable characters escaped, and then cut at `length` characters. */
export function printable(text: string, length: number): string {
  const characters = Array.from(text.slice(0, length + 1)); // escapes are longer than what they stand for
  const escaped = escapeWithin(characters, length);
  return escaped.join("") + (escaped.length < characters.length ? "…" : "");
}

/** The first of the characters, each one escaped as a whole, that have room in `length`. */
function escapeWithin(characters: string[], length: number): string[] {
  const escaped: string[] = [];
  let used = 0;
  for (const character of characters) {
    const text = escapeUnprintable(character.toWellFormed());
    used += text.length;
    if (used > length) break;
    escaped.push(text);
  }
  return escaped;
}

function escapeUnprintable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const short = JSON.stringify(character).slice(1, -1);
    const code = character.codePointAt(0)!.toString(16);
    return short !== character ? short : `\\u${code.padStart(4, "0")}`;
  });
}
