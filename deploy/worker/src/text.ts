const MAX_QUOTED = 100;
const MAX_PATH = 300;

// Control characters, line separators, and characters that reorder or hide text on a terminal.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Formats a caller's text for a message: in quotes, on one line, and at most MAX_QUOTED characters. */
export function quote(text: string): string {
  return `"${printable(text, MAX_QUOTED)}"`;
}

/**
 * Formats the path of a field for a message. A path can contain keys of the caller's document; a long one is
 * shortened in the middle, because its end names the field.
 */
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

/** Escapes unprintable characters, and truncates the result at `length` characters. */
export function printable(text: string, length: number): string {
  const characters = Array.from(text.slice(0, length + 1)); // an escape is longer than its character
  const escaped = escapeWithin(characters, length);
  return escaped.join("") + (escaped.length < characters.length ? "…" : "");
}

/** Escapes the characters that fit into `length`, without cutting an escape. */
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
