// The topology as a drawing: topics left and right, nodes between them, rates on the edges. On narrow screens from top to
// bottom. It is laid out when it or the width changes; rates are set in place.

import {svg, setAttribute, setText, replace} from "./dom.js";
import {compact, cut, rate} from "./format.js";
import {kDeadLetters} from "./history.js";

const kBox = {wide: {width: 208, height: 56}, narrow: {width: 148, height: 54}};
const kCharacters = {wide: 27, narrow: 18};

// [{id, kind, title, line, layer}] and [{from, to, dashed}]
function graphOf(topology) {
  const vertices = [];
  const edges = [];
  const add = (id, kind, title, line, layer) => vertices.push({id, kind, title, line, layer});
  for (const each of topology.sources) add(`source ${each.name}`, "topic", each.name, `topic ${each.topic}`, 0);
  for (const each of topology.nodes) {
    add(`node ${each.name}`, each.kind, each.name, each.state ? `${each.kind} of ${each.state.split(".").pop()}` : each.kind, 1);
    for (const name of each.hears) edges.push({from: `source ${name}`, to: `node ${each.name}`});
    for (const name of each.emits_to) edges.push({from: `node ${each.name}`, to: `sink ${name}`});
  }
  for (const each of topology.sinks) add(`sink ${each.name}`, "topic", each.name, `topic ${each.topic}`, 2);
  if (topology.dead_letter_topic) {
    add(kDeadLetters, "letters", kDeadLetters, `topic ${topology.dead_letter_topic}`, 2);
    for (const each of topology.nodes) edges.push({from: `node ${each.name}`, to: kDeadLetters, dashed: true});
  }
  return {vertices, edges};
}

// Vertices of a layer stand in the order of their neighbours' middles before them: fewer edges cross.
function order(layers, edges) {
  for (let i = 1; i < layers.length; ++i) {
    const place = new Map(layers[i - 1].map((vertex, index) => [vertex.id, index]));
    const middle = (vertex) => {
      const places = edges.filter((edge) => edge.to === vertex.id && place.has(edge.from)).map((edge) => place.get(edge.from));
      return places.length === 0 ? layers[i].indexOf(vertex) : places.reduce((a, b) => a + b, 0) / places.length;
    };
    const middles = new Map(layers[i].map((vertex) => [vertex, vertex.id === kDeadLetters ? Infinity : middle(vertex)]));
    layers[i].sort((a, b) => middles.get(a) - middles.get(b) || 0);
  }
}

// Columns from left to right.
function placeWide(layers, width, box) {
  const across = box.height + 26;
  const most = Math.max(...layers.map((layer) => layer.length));
  const size = {width: Math.max(width, layers.length * (box.width + 110) - 110), height: most * across - 26 + 8};
  layers.forEach((layer, i) => layer.forEach((vertex, j) => {
    const along = layers.length === 1 ? 0 : i / (layers.length - 1);
    vertex.x = along * (size.width - box.width - 4) + 2;
    vertex.y = (size.height - (layer.length * across - 26)) / 2 + j * across;
  }));
  return size;
}

// From top to bottom, each layer in as many rows as it takes.
function placeNarrow(layers, width, box) {
  const across = box.width + 14;
  const room = Math.max(1, Math.floor((width + 14) / across));
  let y = 4;
  for (const layer of layers) {
    layer.forEach((vertex, j) => {
      const row = Math.floor(j / room);
      const inRow = Math.min(room, layer.length - row * room);
      vertex.x = (width - (inRow * across - 14)) / 2 + (j % room) * across;
      vertex.y = y + row * (box.height + 34);
    });
    y += Math.ceil(layer.length / room) * (box.height + 34) + 28;
  }
  return {width, height: y - 58};
}

// Sets x and y of each vertex, and returns the size of it all.
function place(graph, width) {
  const isNarrow = width < 620;
  const box = isNarrow ? kBox.narrow : kBox.wide;
  const layers = [0, 1, 2].map((i) => graph.vertices.filter((vertex) => vertex.layer === i)).filter((l) => l.length > 0);
  order(layers, graph.edges);
  return {...(isNarrow ? placeNarrow : placeWide)(layers, width, box), box, isNarrow};
}

function curve(from, to, {box, isNarrow}) {
  if (isNarrow) {
    const [x1, y1, x2, y2] = [from.x + box.width / 2, from.y + box.height, to.x + box.width / 2, to.y];
    const bend = (y2 - y1) / 2;
    return {path: `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`, x: (x1 + x2) / 2, y: (y1 + y2) / 2};
  }
  const [x1, y1, x2, y2] = [from.x + box.width, from.y + box.height / 2, to.x, to.y + box.height / 2];
  const bend = (x2 - x1) / 2;
  return {path: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`, x: (x1 + x2) / 2, y: (y1 + y2) / 2};
}

function drawVertex(vertex, layout, open) {
  const {box} = layout;
  const most = layout.isNarrow ? kCharacters.narrow : kCharacters.wide;
  const badge = svg("text", {class: "badge", x: box.width - 12, y: 22, "text-anchor": "end"});
  const shape = vertex.kind === "topic" || vertex.kind === "letters"
    ? svg("rect", {class: "shape", width: box.width, height: box.height, rx: box.height / 2})
    : svg("rect", {class: "shape", width: box.width, height: box.height, rx: 8});
  const inset = vertex.kind === "topic" || vertex.kind === "letters" ? 22 : 14;
  badge.setAttribute("x", box.width - inset);
  const group = svg("g", {
    class: `vertex ${vertex.kind}`, transform: `translate(${vertex.x} ${vertex.y})`, tabindex: 0, role: "link",
    onclick: () => open(vertex),
    onkeydown: (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        open(vertex);
      }
    },
  }, shape,
    vertex.kind === "aggregate" && svg("path", {class: "shade", d: `M6 ${box.height + 4}H${box.width - 6}`}),
    svg("text", {class: "title", x: inset, y: 24, text: cut(vertex.title, most - 6)}),
    svg("text", {class: "line", x: inset, y: 42, text: cut(vertex.line, most)}), badge);
  group.append(svg("title", {text: `${vertex.title}, ${vertex.line}`}));
  return {vertex, group, badge};
}

function drawEdge(edge, from, to, layout) {
  const {path, x, y} = curve(from, to, layout);
  const line = svg("path", {class: `edge${edge.dashed ? " dashed" : ""}`, d: path});
  const flow = svg("path", {class: "flow", d: path, hidden: true});
  const label = svg("text", {class: "rate", x, y: y + 4, "text-anchor": "middle"});
  const back = svg("rect", {class: "back", y: y - 10, height: 20, rx: 10});
  return {edge, line, flow, label, back, x};
}

function showRate(drawn, perSecond) {
  const isStill = perSecond === null || perSecond === 0;
  const isNamed = !isStill || !drawn.edge.dashed;
  const text = perSecond === null ? "" : isNamed ? `${rate(perSecond)}/s` : "";
  setText(drawn.label, text);
  const width = text.length * 6.6 + 14;
  setAttribute(drawn.back, "width", text ? width : 0);
  setAttribute(drawn.back, "x", drawn.x - width / 2);
  setAttribute(drawn.line, "stroke-width", isStill ? 1.5 : Math.min(1.5 + Math.log10(1 + perSecond) * 0.7, 5).toFixed(1));
  drawn.flow.toggleAttribute("hidden", isStill);
  drawn.line.classList.toggle("moves", !isStill);
}

// {node, show(topology, facts)}: `facts` has flow(from, to), badge(vertex) -> {text, level} and `open(vertex)`.
export function topologyView() {
  const drawing = svg("svg", {class: "topology", role: "group", "aria-label": "Topology with events a second"});
  let shown = null;
  let shownWidth = 0;
  let vertices = [];
  let edges = [];

  function layOut(topology, width, open) {
    const graph = graphOf(topology);
    const layout = place(graph, width);
    const byId = new Map(graph.vertices.map((vertex) => [vertex.id, vertex]));
    edges = graph.edges.filter((edge) => byId.has(edge.from) && byId.has(edge.to))
      .map((edge) => drawEdge(edge, byId.get(edge.from), byId.get(edge.to), layout));
    vertices = graph.vertices.map((vertex) => drawVertex(vertex, layout, open));
    setAttribute(drawing, "viewBox", `0 0 ${layout.width} ${layout.height}`);
    setAttribute(drawing, "width", layout.width);
    setAttribute(drawing, "height", layout.height);
    replace(drawing, edges.map((each) => [each.line, each.flow]), vertices.map((each) => each.group),
      edges.map((each) => [each.back, each.label]));
  }

  return {
    node: drawing,
    show(topology, width, facts) {
      if (shown !== topology || Math.abs(width - shownWidth) > 8) {
        shown = topology;
        shownWidth = width;
        layOut(topology, width, facts.open);
      }
      for (const each of edges) showRate(each, facts.flow(each.edge.from, each.edge.to));
      for (const {vertex, group, badge} of vertices) {
        const {text, level, say} = facts.badge(vertex);
        setText(badge, text);
        group.dataset.level = level;
        setAttribute(group, "aria-label", `${vertex.title}, ${vertex.line}${say ? `, ${say}` : ""}`);
      }
    },
  };
}

// What stands at a vertex: lag of a topic that is read, aggregates that are blocked, letters since the start.
export function badgeOf(vertex, {tasks, blocked, letters, topology}) {
  if (vertex.layer === 0) {
    const source = topology.sources.find((each) => `source ${each.name}` === vertex.id);
    const inputs = (tasks ?? []).flatMap((task) => task.inputs).filter((input) => input.topic === source?.topic);
    const lag = inputs.reduce((sum, input) => sum + (input.lag ?? 0), 0);
    return {text: lag > 0 ? `lag ${compact(lag)}` : "", level: "", say: `lag ${lag}`};
  }
  if (vertex.kind === "aggregate" && topology.nodes.filter((node) => node.kind === "aggregate").length === 1) {
    return {text: blocked > 0 ? `${compact(blocked)} blocked` : "", level: blocked > 0 ? "warn" : "", say: `${blocked} blocked`};
  }
  if (vertex.kind === "letters") {
    return {text: letters > 0 ? compact(letters) : "", level: letters > 0 ? "warn" : "", say: `${letters} since the start`};
  }
  return {text: "", level: "", say: ""};
}
