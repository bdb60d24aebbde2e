// Aggregates that wait: which event failed, why, since when, and how much waits behind it.

import {cell, el, setAttribute, setText, sync} from "./dom.js";
import {clock, count, duration, plural} from "./format.js";
import {commandButton} from "./commands.js";

const kStates = ["retrying", "parked", "draining"];

const keyOf = (row) => `${row.task} ${row.aggregate} ${row.event_id}`;

export function actionsFor(row, name) {
  if (row.aggregate === "" || row.state === "draining" || name === null) return [];
  const make = (command) => commandButton(
    {command, arguments: [name, row.aggregate], options: {blocked_by: row.event_id}}, `${name} ${row.aggregate}`);
  return [make(row.state === "parked" ? "parked release" : "parked retry"), make("parked skip"), make("parked discard")];
}

function makeRow(row, model) {
  const key = el("a", {class: "key"});
  const head = el("code", {class: "id"});
  const why = el("span", {class: "reason"});
  const cells = [cell("State", {}, el("span", {class: "phase"})), cell("Failed event", {}, head), cell("Why", {class: "grow"}, why),
    cell("Blocked for", {class: "number"}), cell("Attempts", {class: "number"}), cell("Waiting", {class: "number"}), cell("Task", {}),
    cell("", {class: "acts"}, el("div", {class: "actions"}))];
  const node = el("tr", {class: "row"}, el("th", {scope: "row"}, key), cells);
  node.show = (each) => {
    setText(key, each.aggregate || "(no key)");
    const name = aggregateOf(model, each.group);
    if (each.aggregate && name) setAttribute(key, "href", `#/aggregate/${encodeURIComponent(name)}/${encodeURIComponent(each.aggregate)}`);
    const state = cells[0].firstChild;
    setText(state, each.state);
    state.dataset.phase = each.state;
    setText(head, each.event_id);
    setText(why, each.reason);
    setText(cells[3], duration(each.seconds));
    setAttribute(cells[3], "title", `since ${clock(each.since)}`);
    setText(cells[4], count(each.attempts));
    setText(cells[5], count(each.events));
    setText(cells[6], each.task);
    if (node.state !== each.state) cells[7].firstChild.replaceChildren(...actionsFor(each, name));
    node.state = each.state;
  };
  node.show(row);
  return node;
}

// The aggregate whose state a story shows; where several share a task group, the first that hears it.
export function aggregateOf(model, group) {
  const topology = model.topology;
  const sources = (topology?.sources ?? []).filter((source) => source.group === group).map((source) => source.name);
  const found = (topology?.nodes ?? []).find((node) => node.kind === "aggregate" && node.hears.some((name) => sources.includes(name)));
  return found?.name ?? null;
}

export function blockedView(model, parameters) {
  let find = parameters.get("find") ?? "";
  let wanted = "";
  const search = el("input", {type: "search", class: "search", placeholder: "Find by key, reason, event, task", "aria-label": "Find aggregates", value: find,
    oninput: () => {
      find = search.value;
      show();
    }});
  const chips = el("div", {class: "chips", role: "group", "aria-label": "State"});
  const says = el("p", {class: "quiet", role: "status"});
  const body = el("tbody");
  const head = ["Aggregate", "State", "Failed event", "Why", "Blocked for", "Attempts", "Waiting", "Task", ""].map((text, i) =>
    el("th", {scope: "col", class: i >= 4 && i <= 6 ? "number" : "", text}));
  head[8].append(el("span", {class: "hidden", text: "Commands"}));
  const card = el("div", {class: "scroll card"}, el("table", {class: "rows blocked"}, el("thead", {}, el("tr", {}, head)), body));
  const all = el("div", {class: "actions"});
  const node = el("div", {class: "list"}, el("div", {class: "bar"}, search, chips, all), says, card);

  function showAll() {
    const groups = [...new Set((model.topology?.sources ?? []).map((source) => source.group))];
    sync(all, groups, (group) => group, (group) => commandButton({command: "parked release", label: groups.length > 1 ? `Release all of ${group}` : "Release all",
      arguments: [aggregateOf(model, group) ?? group], options: {all: true}, selects: true}, `what is parked of ${group}`));
    all.hidden = (model.parked?.rows.length ?? 0) === 0;
  }
  function show() {
    const rows = model.parked?.rows ?? [];
    const words = find.toLowerCase().split(/\s+/).filter(Boolean);
    const isLike = (row) => {
      const text = `${row.aggregate} ${row.reason} ${row.event_id} ${row.task}`.toLowerCase();
      return (wanted === "" || row.state === wanted) && words.every((word) => text.includes(word));
    };
    const shown = rows.filter(isLike);
    sync(chips, [{state: "", n: rows.length}, ...kStates.map((state) => ({state, n: rows.filter((row) => row.state === state).length}))]
      .filter(({state, n}) => n > 0 || state === wanted), ({state}) => state || "all",
      ({state}) => el("button", {type: "button", class: "chip", data: {phase: state}, onclick: () => {
        wanted = state;
        show();
      }}),
      (chip, {state, n}) => {
        setText(chip, `${state || "all"} ${count(n)}`);
        setAttribute(chip, "aria-pressed", state === wanted);
      });
    sync(body, shown, keyOf, (row) => makeRow(row, model), (made, row) => made.show(row));
    card.hidden = shown.length === 0;
    showAll();
    const more = model.parked?.more ?? 0;
    setText(says, model.problems.parked ?? (model.parked === null ? "Asking…" : rows.length === 0 ? "Nothing is blocked: every event goes on." :
      shown.length === 0 ? "None is like that." : more > 0 ? `These are blocked longest; ${plural(more, "aggregate")} more are.` : ""));
  }
  return {node, title: "Blocked", show, search};
}
