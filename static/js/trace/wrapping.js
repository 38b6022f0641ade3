/** Where a monospaced text wraps, without laying it out. */

/** How many lines a text takes in so many columns; wide characters take two. */
export function countLines(text, columns) {
  let lines = 1;
  let width = 0;
  for (let index = 0; index < text.length && lines < 100_000; index++) {
    const code = text.charCodeAt(index);
    if (code === 10) {
      lines++;
      width = 0;
      continue;
    }
    const size = code < 0x1100 ? 1 : code >= 0xdc00 && code < 0xe000 ? 0 : 2;
    if (width + size > columns) {
      lines++;
      width = 0;
    }
    width += size;
  }
  return lines;
}
