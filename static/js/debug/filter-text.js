/** The text of a filter as the conditions that it joins, and joined anew. The server reads what they mean. */

const SAFE = /^[^\s"(),*=<>/:-][^\s"(),*=<>]*$/;

/** Write a value as the grammar does. */
export function writeValue(text) {
  return SAFE.test(text) && !["AND", "OR", "NOT"].includes(text) ? text : `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** Part a filter into what all must hold: at white space outside quotes, brackets and patterns. With an OR it is one. */
export function splitConditions(text) {
  const parts = [];
  let part = "";
  let depth = 0;
  let within = "";
  for (let index = 0; index < text.length; index++) {
    const letter = text[index];
    if (within) {
      if (letter === "\\") part += text[index++];
      else if (letter === within) within = "";
    } else if (letter === '"' || (letter === "/" && /[:=,]$/.test(part))) within = letter;
    else if (letter === "(") depth++;
    else if (letter === ")") depth--;
    else if (/\s/.test(letter) && !depth) {
      if (part) parts.push(part);
      part = "";
      continue;
    }
    part += text[index] ?? "";
  }
  if (part) parts.push(part);
  if (parts.includes("OR")) return [text.trim()];
  return parts.filter((one) => one !== "AND").reduce((joined, one) => {
    if (joined.at(-1) === "NOT") joined[joined.length - 1] = `NOT ${one}`;
    else joined.push(one);
    return joined;
  }, []);
}

/** Add a condition; one that is there already, or its opposite, gives way. */
export function addCondition(text, field, value, { isExcluded = false } = {}) {
  const wanted = `${field}:${writeValue(value)}`;
  const kept = splitConditions(text).filter((one) => ![wanted, `-${wanted}`].includes(one));
  const bracketed = kept.length === 1 && /(^|\s)OR(\s|$)/.test(kept[0]) ? [`(${kept[0]})`] : kept;
  return [...bracketed, (isExcluded ? "-" : "") + wanted].join(" ");
}

export function removeCondition(text, index) {
  return splitConditions(text).filter((_, at) => at !== index).join(" ");
}
