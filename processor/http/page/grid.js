// All tasks as cells, a thousand at a glance: the colour is the phase, its depth the lag.

import {el, setAttribute, setText, sync} from "./dom.js";
import {count, duration, percent, plural} from "./format.js";

export const kPhases = ["failed", "paused", "restoring", "opening", "running"];

export const lagOf = (task) => task.inputs.reduce((sum, input) => sum + (input.lag ?? 0), 0);
export const heldOf = (task) => Math.max(0, ...task.inputs.map((input) => input.held_back_seconds));
export const keyOf = (task) => `${task.pod} ${task.name}`;

export function depthOf(lag) {
  if (lag === 0) return 0;
  return lag < 1000 ? 1 : lag < 100000 ? 2 : 3;
}

export function restoredOf(task) {
  if (!task.restore) return null;
  const left = task.restore.seconds_left;
  return {share: percent(task.restore.done, task.restore.target), left: left === null ? "it does not come on" : `${duration(left)} left`};
}

export function describe(task) {
  const restored = restoredOf(task);
  const parts = [`${task.name}: ${task.phase}${restored ? ` ${restored.share} %, ${restored.left}` : ""}`];
  if (task.phase === "running" || task.phase === "paused") parts.push(`lag ${count(lagOf(task))}`);
  if (heldOf(task) > 0) parts.push(`held back for ${duration(heldOf(task))}`);
  if (task.blocked_aggregates > 0) parts.push(`${plural(task.blocked_aggregates, "aggregate")} blocked`);
  return `${parts.join(", ")}; pod ${task.pod}`;
}

function moveFocus(event, cells) {
  const steps = {ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity};
  const columns = () => {
    const all = [...cells.children];
    const below = all.findIndex((cell) => cell.offsetTop > all[0].offsetTop);
    return below < 0 ? all.length : below;
  };
  const step = event.key === "ArrowDown" ? columns() : event.key === "ArrowUp" ? -columns() : steps[event.key];
  if (step === undefined) return;
  event.preventDefault();
  const all = [...cells.children];
  const now = all.indexOf(document.activeElement);
  const next = all[Math.max(0, Math.min(all.length - 1, now + step))];
  for (const cell of all) cell.tabIndex = cell === next ? 0 : -1;
  next.focus();
}

export function taskGrid() {
  const legend = el("ul", {class: "legend"});
  const groups = el("div", {class: "groups"});
  const depths = el("ul", {class: "legend depths", "aria-label": "Lag"}, ["no lag", "below 1,000", "below 100K", "more"].map((text, depth) =>
    el("li", {}, el("span", {class: "cell", data: {phase: "running", depth}}), el("span", {text}))),
    el("li", {}, el("span", {class: "cell", data: {phase: "running", depth: 0, blocked: ""}}), el("span", {text: "blocked aggregates"})));
  const note = el("p", {class: "quiet"});
  const node = el("div", {class: "taskgrid"}, el("div", {class: "legends"}, legend, depths), groups, note);

  function makeGroup() {
    const name = el("h3");
    const cells = el("div", {class: "cells", role: "group"});
    cells.addEventListener("keydown", (event) => moveFocus(event, cells));
    const group = el("div", {class: "group"}, name, cells);
    group.show = ({title, tasks}) => {
      setText(name, title);
      setAttribute(cells, "aria-label", `Tasks of ${title}`);
      sync(cells, tasks, keyOf, () => el("a", {class: "cell"}), (cell, task) => {
        setAttribute(cell, "href", `#/tasks?find=${encodeURIComponent(task.name)}`);
        cell.dataset.phase = task.phase;
        cell.dataset.depth = depthOf(lagOf(task));
        cell.toggleAttribute("data-held", heldOf(task) > 0);
        cell.toggleAttribute("data-blocked", task.blocked_aggregates > 0);
        const say = describe(task);
        setAttribute(cell, "title", say);
        setAttribute(cell, "aria-label", say);
        if (!cell.hasAttribute("tabindex")) cell.tabIndex = cell === cells.firstChild ? 0 : -1;
        cell.style.setProperty("--restored", `${restoredOf(task)?.share ?? 0}%`);
      });
      if (cells.firstChild && !cells.querySelector('[tabindex="0"]')) cells.firstChild.tabIndex = 0;
    };
    return group;
  }

  return {
    node,
    show(model) {
      const tasks = model.tasks;
      depths.hidden = !tasks || tasks.length === 0;
      setText(note, model.problems.tasks ?? (tasks === null ? "Asking…" : tasks.length === 0 ? "No pod has tasks: the group has given no partitions." : ""));
      if (!tasks || tasks.length === 0) {
        sync(groups, [], (group) => group, makeGroup);
        sync(legend, [], (phase) => phase, () => el("li"));
        return;
      }
      const byGroup = new Map();
      for (const task of tasks) {
        if (!byGroup.has(task.group)) byGroup.set(task.group, []);
        byGroup.get(task.group).push(task);
      }
      const shown = [...byGroup].map(([title, each]) => ({title, tasks: each.sort((a, b) => a.partition - b.partition)}));
      sync(groups, shown, (group) => group.title, makeGroup, (made, group) => made.show(group));
      const present = kPhases.filter((phase) => tasks.some((task) => task.phase === phase));
      sync(legend, present, (phase) => phase,
        (phase) => el("li", {}, el("span", {class: "cell", data: {phase, depth: 0}}), el("span")),
        (item, phase) => setText(item.lastChild, `${count(tasks.filter((task) => task.phase === phase).length)} ${phase}`));
    },
  };
}
