/** A plan in words: what really happens, what it may change, what cannot be frozen. */
import { el } from "../dom.js";
import { cost, grouped } from "../format.js";

const NAMED = 3;
const plural = (count, one, more = `${one}s`) => `${grouped(count)} ${count === 1 ? one : more}`;

export function describePlan(plan) {
  const live = plan.calls.filter((call) => call.state === "live");
  const lines = [];
  if (live.length) {
    lines.push(line("rr-fire", "▶", el("strong", {}, `${plural(live.length, "call")} really ${live.length === 1 ? "happens" : "happen"}`), `: ${nameCalls(live)}.`));
    const effects = [...listEffects(plan, live)];
    if (effects.length) lines.push(line("", "", ...effects));
  } else if (plan.mode === "workflow") {
    lines.push(line("rr-ice", "❄", el("strong", {}, "No call of the source really happens"), ": your own code runs over what was recorded."));
  }
  const answered = [plan.frozen && `${plural(plan.frozen, "call")} from the recording`, plan.mocked && `${grouped(plan.mocked)} from mocks`, plan.refused && `${grouped(plan.refused)} would fail, as it is strict`].filter(Boolean);
  if (answered.length) lines.push(line("rr-ice", "❄", `${answered.join(", ")}.`));
  if (plan.notFrozen) lines.push(line("rr-warn", "!", `${plural(plan.notFrozen, "call")} cannot be frozen and will happen: ${explainLost(plan)}`));
  if (isBehindLive(plan)) lines.push(line("rr-warn", "!", "Frozen calls come after live ones. SDKs count calls: if your code makes one more or one less, they get each other’s answers. The fidelity report will say so."));
  return lines;
}

function* listEffects(plan, live) {
  const asked = live.filter((call) => call.kind === "ai");
  const changing = live.filter((call) => call.effect === "changes");
  const unknown = live.filter((call) => call.effect === "unknown");
  const times = plan.runCount > 1 ? ` in ${plan.runCount} runs` : "";
  if (asked.length) yield `${plan.costMicros == null ? "Cost not known" : `About ${cost(plan.costMicros)}${plan.unpriced ? " or more" : ""}`}${times}. `;
  if (changing.length) yield el("strong", { class: "rr-warn" }, `${changing.length === 1 ? "1 changes something" : `${changing.length} change something`}: ${changing.slice(0, NAMED).map((call) => call.effectText.split(",")[0]).join("; ")}. `);
  if (unknown.length) yield `${unknown.length === 1 ? "1 runs code of yours" : `${unknown.length} run code of yours`} that may change something. `;
}

function nameCalls(calls) {
  const counts = new Map();
  for (const { name } of calls) counts.set(name, (counts.get(name) ?? 0) + 1);
  const named = [...counts].map(([name, count]) => (count > 1 ? `${name} ×${count}` : name));
  return named.length > NAMED + 1 ? `${named.slice(0, NAMED).join(", ")} and ${named.length - NAMED} more` : named.join(", ");
}

function explainLost(plan) {
  const lost = plan.calls.filter((call) => call.isToFreeze && !call.canFreeze && call.state !== "within");
  return `${lost.slice(0, NAMED).map((call) => `${call.name} (${call.reason.replace(/\.$/, "")})`).join(", ")}${lost.length > NAMED ? ", …" : ""}.`;
}

function isBehindLive(plan) {
  const first = plan.calls.findIndex((call) => call.state !== "frozen" && call.state !== "within");
  return plan.mode === "workflow" && first >= 0 && plan.calls.slice(first).some((call) => call.state === "frozen");
}

function line(css, mark, ...parts) {
  return el("p", {}, el("span", { class: `rr-line ${css}`, "aria-hidden": "true" }, mark), el("span", {}, ...parts));
}
