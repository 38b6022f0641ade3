/** Finding what was meant by the letters that were typed: all of them, in their order, best where words begin. */

const START = 12, WORD = 8, RUN = 6, GAP = 0.4;

/**
 * Match `typed` against `text`. Returns `{ score, at }`, with the places of the letters found, or null. White space in
 * `typed` parts words, which may come in any order.
 */
export function match(typed, text) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const at = new Set();
  let score = 0;
  for (const word of words) {
    const found = matchWord(word, text);
    if (!found) return null;
    score += found.score;
    for (const place of found.at) at.add(place);
  }
  return { score: score - text.length * 0.02, at: [...at].sort((a, b) => a - b) };
}

function matchWord(word, text) {
  const lower = text.toLowerCase();
  const whole = lower.indexOf(word);
  if (whole >= 0) {
    const better = findAtWordStart(word, lower);
    const from = better >= 0 ? better : whole;
    const places = Array.from(word, (_, index) => from + index);
    return { score: word.length * RUN + (from === 0 ? START : isWordStart(lower, from) ? WORD : 0), at: places };
  }
  return matchLetters(word, lower);
}

function findAtWordStart(word, lower) {
  for (let from = lower.indexOf(word); from >= 0; from = lower.indexOf(word, from + 1)) {
    if (isWordStart(lower, from)) return from;
  }
  return -1;
}

/** Take each letter where a word begins if it can be had there, else the next one. */
function matchLetters(word, lower) {
  const at = [];
  let score = 0;
  let from = 0;
  for (const letter of word) {
    const next = lower.indexOf(letter, from);
    if (next < 0) return null;
    const start = findLetterAtStart(letter, lower, from);
    const continues = at.length && next === from;
    const place = continues || start < 0 || start - next > 20 ? next : start;
    score += continues ? RUN : isWordStart(lower, place) ? WORD : 1;
    score -= Math.min(place - from, 20) * GAP;
    at.push(place);
    from = place + 1;
  }
  return score > 0 ? { score, at } : null;
}

function findLetterAtStart(letter, lower, from) {
  for (let place = lower.indexOf(letter, from); place >= 0; place = lower.indexOf(letter, place + 1)) {
    if (isWordStart(lower, place)) return place;
  }
  return -1;
}

function isWordStart(text, place) {
  return place === 0 || !/[\p{L}\p{N}]/u.test(text[place - 1]);
}
