// Elements out of plain values. Text is only ever set as text: keys, messages and headers are anybody's.

function fill(node, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) {
      node.addEventListener(name.slice(2), value);
    } else if (name === "text") {
      node.textContent = value;
    } else if (name === "data") {
      Object.assign(node.dataset, value);
    } else {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
}

function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

// el("p", {class: "note", onclick: f}, "text", other)
export function el(name, properties = {}, ...children) {
  const node = document.createElement(name);
  fill(node, properties);
  return append(node, children);
}

export function svg(name, properties = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  fill(node, properties);
  return append(node, children);
}

export function setText(node, text) {
  const wanted = String(text);
  if (node.textContent !== wanted) node.textContent = wanted;
}

export function setAttribute(node, name, value) {
  const wanted = String(value);
  if (node.getAttribute(name) !== wanted) node.setAttribute(name, wanted);
}

// Makes the children of `parent` those of `items`, by key, and keeps what is there: focus and selection stay.
export function sync(parent, items, keyOf, make, update) {
  const existing = parent.onceRows ?? new Map();
  const rows = new Map();
  let place = parent.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    if (rows.has(key)) continue;
    const node = existing.get(key) ?? make(item);
    update?.(node, item);
    rows.set(key, node);
    if (node === place) {
      place = place.nextSibling;
    } else {
      parent.insertBefore(node, place);
    }
  }
  for (const [key, node] of existing) {
    if (rows.get(key) !== node) node.remove();
  }
  parent.onceRows = rows;
}

export function replace(parent, ...children) {
  parent.replaceChildren();
  return append(parent, children);
}

// A table cell's label goes along, for narrow screens, where each row is a card.
export const cell = (label, properties, ...children) => el("td", {...properties, data: {label}}, ...children);

export const isPlainKey = (event) => !event.ctrlKey && !event.metaKey && !event.altKey;
