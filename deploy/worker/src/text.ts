const MAX_QUOTED = 100;
const MAX_PATH = 300;

// Controls, line separators, and the marks that reorder or hide text on a terminal.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A caller's text inside a message: in quotes, on one line, and of a bounded length. */
export function quote(text: string): string {
  return `"${escapeUnprintable(shorten(text, MAX_QUOTED))}"`;
}

/** The path of a field, whose parts can be keys of the caller's document. Its end names the field. */
export function printablePath(path: string): string {
  if (path.length <= MAX_PATH) return escapeUnprintable(path);
  const half = MAX_PATH / 2;
  const ends = `${path.slice(0, half)}…${path.slice(-half)}`;
  return escapeUnprintable(ends.toWellFormed());
}

/** Text on one line, cut at `length` characters. */
export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}…`.toWellFormed();
}

export function escapeUnprintable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const short = JSON.stringify(character).slice(1, -1);
    const code = character.codePointAt(0)!.toString(16);
    return short !== character ? short : `\\u${code.padStart(4, "0")}`;
  });
}
