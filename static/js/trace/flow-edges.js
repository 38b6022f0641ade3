/** The arrows of the flow graph: curves with a head, and how often each was taken. */
import { compact } from "../format.js";

const SVG = "http://www.w3.org/2000/svg";
const HEAD = 7;

/** Draw all arrows anew; there are few hundred at most. */
export function drawEdges(svg, graph) {
  svg.setAttribute("width", String(graph.width));
  svg.setAttribute("height", String(graph.height));
  svg.replaceChildren(...graph.edges.map(drawEdge));
}

/** Bring out the arrows of one box. */
export function markEdges(svg, id) {
  for (const edge of svg.children) edge.classList.toggle("is-near", edge.dataset.source === id || edge.dataset.target === id);
}

function drawEdge(edge) {
  const group = make("g", { class: `flow-edge is-${edge.kind}`, "data-source": edge.source, "data-target": edge.target });
  const title = make("title");
  title.textContent = `${edge.kind === "handover" ? "followed" : "called"} ${edge.count} ${edge.count === 1 ? "time" : "times"}`;
  const line = make("path", { d: pathOf(edge.points), "stroke-width": String(Math.min(3.5, 1.25 + Math.log2(edge.count) * 0.3)) });
  group.append(title, line, make("path", { class: "flow-head", d: headOf(edge.points) }));
  // A box says its own number of calls; what it does not say is who made how many of them.
  if (edge.kind !== "call" && edge.count > 1) {
    const [x, y] = middleOf(edge.points);
    const text = make("text", { x: String(x + (edge.points.length === 2 ? 6 : 0)), y: String(y + 4) });
    text.textContent = `×${compact(edge.count)}`;
    group.append(text);
  }
  return group;
}

function make(name, attributes = {}) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function pathOf([start, ...rest]) {
  return `M${start.join(" ")}${rest.length === 1 ? "L" : "C"}${rest.map((point) => point.join(" ")).join(",")}`;
}

function headOf(points) {
  const [x, y] = points.at(-1);
  const [fromX, fromY] = points.at(-2);
  const angle = Math.atan2(y - fromY, x - fromX);
  const corner = (turn) => `${x - HEAD * Math.cos(angle + turn)} ${y - HEAD * Math.sin(angle + turn)}`;
  return `M${x} ${y}L${corner(0.45)}L${corner(-0.45)}Z`;
}

function middleOf(points) {
  if (points.length === 2) return [0, 1].map((axis) => (points[0][axis] + points[1][axis]) / 2);
  return [0, 1].map((axis) => (points[0][axis] + 3 * points[1][axis] + 3 * points[2][axis] + points[3][axis]) / 8);
}
