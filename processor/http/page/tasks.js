// All tasks of all pods: sorted, searched, and each with what it waits for.

import {cell, el, replace, setAttribute, setText, sync} from "./dom.js";
import {ago, bytes, clock, compact, count, duration, nothing, plural} from "./format.js";
import {heldOf, keyOf, kPhases, lagOf, restoredOf} from "./grid.js";
import {commandButton} from "./commands.js";

// On a phone each is a card.
const kPage = matchMedia("(max-width: 720px)").matches ? 40 : 150;

const kColumns = [
  {name: "Task", key: (task) => task.name, compare: (a, b) => a.group.localeCompare(b.group) || a.partition - b.partition},
  {name: "Phase", key: (task) => kPhases.indexOf(task.phase)},
  {name: "Lag", key: (task) => -lagOf(task), isNumber: true},
  {name: "Behind", key: (task) => -(task.behind_seconds ?? -1), isNumber: true},
  {name: "Blocked", key: (task) => -task.blocked_aggregates, isNumber: true},
  {name: "State", key: (task) => -(task.state_bytes.clean + task.state_bytes.dirty), isNumber: true},
  {name: "Checkpoint", key: (task) => -(task.checkpoint_age_seconds ?? -1), isNumber: true},
  {name: "Pod", key: (task) => task.pod},
];

function compareBy(column, isDown) {
  const {key, compare} = kColumns[column];
  const sign = isDown ? -1 : 1;
  const byKey = (a, b) => {
    const [x, y] = [key(a), key(b)];
    return typeof x === "string" ? x.localeCompare(y) : x - y;
  };
  return (a, b) => sign * (compare ?? byKey)(a, b) || kColumns[0].compare(a, b);
}

function matches(task, words) {
  const text = `${task.name} ${task.group} ${task.pod} ${task.phase} ${task.why ?? ""}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function facts(pairs) {
  return el("dl", {class: "facts"}, pairs.filter(([, value]) => value !== null).map(([name, value]) =>
    el("div", {}, el("dt", {text: name}), el("dd", {}, value))));
}

function inputsTable(task) {
  const head = ["Input", "Next offset", "Stable up to", "End", "Lag", "Held back"].map((text, i) =>
    el("th", {scope: "col", class: i > 0 ? "number" : "", text}));
  const rows = task.inputs.map((input) => el("tr", {},
    el("th", {scope: "row", text: `${input.topic}-${input.partition}`}),
    [input.next_offset, input.last_stable_offset, input.end_offset, input.lag].map((n, i) =>
      cell(["Next offset", "Stable up to", "End", "Lag"][i], {class: "number", text: count(n)})),
    cell("Held back", {class: "number", text: input.held_back_seconds > 0 ? duration(input.held_back_seconds) : nothing})));
  return el("div", {class: "scroll"}, el("table", {class: "rows inner"}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows)));
}

function actionsOf(task) {
  const command = (name) => commandButton({command: name, arguments: [`${task.group}/${task.partition}`]}, `task ${task.name}`);
  return el("p", {class: "actions", data: {phase: task.phase}},
    command(task.phase === "paused" ? "tasks resume" : "tasks pause"), task.phase === "failed" && command("tasks retry"));
}

function factsOf(task) {
  const restored = restoredOf(task);
  return [
    task.why && el("p", {class: "why", text: task.why}),
    inputsTable(task),
    facts([
      ["Restored", restored && `${restored.share} %, ${count(task.restore.done)} of ${count(task.restore.target)} records, ${restored.left}`],
      ["Owned since", clock(task.owner_since)],
      ["Parked", `${plural(task.parked_events, "event")}, ${bytes(task.parked_bytes)}`],
      ["Waiting for another attempt", count(task.retrying_aggregates)],
      ["Oldest failure", task.oldest_failure_seconds === null ? nothing : ago(task.oldest_failure_seconds)],
      ["Event IDs remembered", `${count(task.window.ids)}, ${bytes(task.window.bytes)}`],
      ["State not in the checkpoint", bytes(task.state_bytes.dirty)],
    ]),
  ];
}

function makeRow(task, toggle) {
  const name = el("button", {type: "button", class: "open", "aria-expanded": "false"});
  const phase = el("span", {class: "phase"});
  const bar = el("progress", {max: 100, "aria-label": "Restored"});
  const cells = kColumns.slice(2).map((column) => cell(column.name, {class: column.isNumber ? "number" : ""}));
  const row = el("tr", {class: "row"}, el("th", {scope: "row"}, name), cell("Phase", {}, phase, bar), cells);
  row.addEventListener("click", (event) => {
    if (!event.target.closest("a, button:not(.open)")) toggle(keyOf(row.task));
  });
  row.show = (each, isOpen) => {
    row.task = each;
    row.dataset.phase = each.phase;
    setText(name, each.name);
    setAttribute(name, "aria-expanded", isOpen);
    setText(phase, heldOf(each) > 0 && each.phase === "running" ? "held back" : each.phase);
    phase.dataset.phase = each.phase;
    const restored = restoredOf(each);
    bar.hidden = restored === null;
    bar.value = restored?.share ?? 0;
    const texts = [compact(lagOf(each)), duration(each.behind_seconds), each.blocked_aggregates > 0 ? compact(each.blocked_aggregates) : nothing,
      bytes(each.state_bytes.clean + each.state_bytes.dirty), duration(each.checkpoint_age_seconds), each.pod];
    texts.forEach((text, i) => setText(cells[i], text));
    cells[2].dataset.level = each.blocked_aggregates > 0 ? "warn" : "";
  };
  row.show(task, false);
  return row;
}

export function tasksView(model, parameters) {
  let find = parameters.get("find") ?? "";
  let phaseWanted = parameters.get("phase") ?? "";
  let sortBy = 1;
  let isDown = false;
  let most = kPage;
  const open = new Set();
  const details = new Map();

  const search = el("input", {type: "search", class: "search", placeholder: "Find by name, group, pod, reason", "aria-label": "Find tasks", value: find,
    oninput: () => {
      find = search.value;
      most = kPage;
      show();
    }});
  const phases = el("div", {class: "chips", role: "group", "aria-label": "Phase"});
  const body = el("tbody");
  const says = el("p", {class: "quiet", role: "status"});
  const more = el("button", {type: "button", class: "plain", onclick: () => {
    most += kPage;
    show();
  }});
  const heads = kColumns.map((column, i) => el("th", {scope: "col", class: column.isNumber ? "number" : ""},
    el("button", {type: "button", class: "sort", text: column.name, onclick: () => {
      isDown = sortBy === i ? !isDown : false;
      sortBy = i;
      show();
    }})));
  const table = el("table", {class: "rows tasks"}, el("thead", {}, el("tr", {}, heads)), body);
  const node = el("div", {class: "list"}, el("div", {class: "bar"}, search, phases), says, el("div", {class: "scroll card"}, table), more);

  function toggle(key) {
    if (!open.delete(key)) open.add(key);
    details.delete(key);
    show();
  }
  // The buttons stay as long as they are the same: what somebody is about to press is not taken away.
  function showDetail(row, task) {
    const [facts, actions] = row.firstChild.children;
    const text = JSON.stringify({...task, checkpoint_age_seconds: 0});
    if (details.get(keyOf(task)) !== text || facts.firstChild === null) replace(facts, factsOf(task));
    details.set(keyOf(task), text);
    if (actions.firstChild?.dataset.phase !== task.phase) replace(actions, actionsOf(task));
  }
  function showPhases() {
    const tasks = model.tasks ?? [];
    const counted = kPhases.map((phase) => ({phase, n: tasks.filter((task) => task.phase === phase).length}));
    sync(phases, [{phase: "", n: tasks.length}, ...counted.filter(({phase, n}) => n > 0 || phase === phaseWanted)], ({phase}) => phase || "all",
      ({phase}) => el("button", {type: "button", class: "chip", data: {phase}, onclick: () => {
        phaseWanted = phase;
        most = kPage;
        show();
      }}),
      (chip, {phase, n}) => {
        setText(chip, `${phase || "all"} ${count(n)}`);
        setAttribute(chip, "aria-pressed", phase === phaseWanted);
      });
  }
  function show() {
    showPhases();
    heads.forEach((head, i) => setAttribute(head, "aria-sort", i !== sortBy ? "none" : isDown ? "descending" : "ascending"));
    const words = find.toLowerCase().split(/\s+/).filter(Boolean);
    const all = (model.tasks ?? []).filter((task) => (phaseWanted === "" || task.phase === phaseWanted) && matches(task, words));
    all.sort(compareBy(sortBy, isDown));
    const rows = all.slice(0, most).flatMap((task) => open.has(keyOf(task)) ? [{task}, {task, isDetail: true}] : [{task}]);
    sync(body, rows, ({task, isDetail}) => keyOf(task) + (isDetail ? " detail" : ""),
      ({task, isDetail}) => isDetail ? el("tr", {class: "detail"}, el("td", {colspan: kColumns.length}, el("div"), el("div"))) : makeRow(task, toggle),
      (row, {task, isDetail}) => isDetail ? showDetail(row, task) : row.show(task, open.has(keyOf(task))));
    more.hidden = all.length <= most;
    setText(more, `Show ${Math.min(kPage, all.length - most)} more of ${count(all.length)}`);
    setText(says, model.problems.tasks ?? (model.tasks === null ? "Asking…" : all.length === 0 && model.tasks.length > 0 ? "None is like that." :
      model.tasks.length === 0 ? "No pod has tasks: the group has given no partitions." : ""));
  }
  return {node, title: "Tasks", show, search};
}
