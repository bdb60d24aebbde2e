// The first view: how the application is, at a glance.

import {el, setText, setAttribute, sync} from "./dom.js";
import {ago, bytes, compact, count, cut, duration, nothing, percent, plural, rate} from "./format.js";
import {deadLetterCounts} from "./history.js";
import {spark} from "./spark.js";
import {badgeOf, topologyView} from "./topology.js";
import {taskGrid} from "./grid.js";

const perSecond = (n) => (n === null ? nothing : `${rate(n)}/s`);

// [title, its value now, unit, the series, a second one, how a reading is said, what stands below]
const kFigures = [
  {title: "Events", series: "processed", say: perSecond, below: (s) => `${perSecond(s.outputs)} out, ${rate(s.duplicates)} duplicates`},
  {title: "Lag", series: "lag", say: compact, below: (s, m) => behind(m)},
  {title: "Commits", series: "commits", say: perSecond, below: (s) => (s.aborts > 0 ? `${perSecond(s.aborts)} given up` : "none given up")},
  {title: "Commit takes", series: "commitP50", second: "commitP99", say: duration, below: (s) => `99 %: ${duration(s.commitP99)}`},
  {title: "Event to commit", series: "eventP50", second: "eventP99", say: duration, below: (s) => `99 %: ${duration(s.eventP99)}`},
  {title: "Blocked", series: "blockedAggregates", say: compact, below: (s) => `${plural(s.parked, "event")} parked`, level: (s) => s.blockedAggregates > 0},
  {title: "Memory", series: "memory", say: bytes, below: (s) => `${percent(s.memory, s.share)} % of ${bytes(s.share)}`, level: (s) => s.memory > 0.9 * s.share},
];

function behind(model) {
  const oldest = Math.max(0, ...(model.tasks ?? []).map((task) => task.behind_seconds ?? 0));
  return oldest > 0 ? `oldest fetched: ${duration(oldest)}` : "nothing fetched waits";
}

function figure(spec) {
  const value = el("span", {class: "value", text: nothing});
  const below = el("span", {class: "below"});
  const line = spark(spec.title);
  const node = el("article", {class: "card figure"}, el("h3", {text: spec.title}), value, below, line.node);
  return {
    node,
    show(model) {
      const sample = model.history.last;
      if (sample === null) return;
      setText(value, spec.say(sample[spec.series]));
      setText(below, spec.below(sample, model));
      node.dataset.level = spec.level?.(sample) ? "warn" : "";
      line.show(model.history.series(spec.series), spec.say, spec.second ? model.history.series(spec.second) : []);
    },
  };
}

function podRow(pod) {
  const cells = ["State", "In its words", "Tasks", "Lag", "Memory", "Version"].map((label, i) => el("td", {class: ["state", "why"][i], data: {label}}));
  const name = el("th", {scope: "row"});
  const row = el("tr", {}, name, cells);
  row.show = (each, model) => {
    setText(name, each.self ? `${each.instance} (this one)` : each.instance);
    const status = each.status;
    const level = !each.answered ? "bad" : status.ready.ok ? "ok" : status.phase === "stopping" ? "bad" : "warn";
    row.dataset.level = level;
    const heard = each.heardAt ? `heard ${ago(Date.now() / 1000 - each.heardAt)}` : "not heard yet";
    setText(cells[0], !each.answered ? "silent" : status.ready.ok ? "ready" : status.phase === "running" ? "not ready" : status.phase);
    setText(cells[1], each.answered ? status.ready.why : `${each.why ?? "no answer"}; ${heard}`);
    const workers = (status?.workers ?? []).filter((worker) => worker.tasks);
    const sum = (of) => workers.reduce((total, worker) => total + of(worker), 0);
    setText(cells[2], status ? count(sum((worker) => Object.values(worker.tasks).reduce((a, b) => a + b, 0))) : nothing);
    setText(cells[3], status ? compact(sum((worker) => worker.lag)) : nothing);
    setText(cells[4], status ? bytes(sum((w) => Object.entries(w.memory_bytes).reduce((a, [k, n]) => (k === "share" ? a : a + n), 0))) : nothing);
    setText(cells[5], status ? `${status.version}, up ${duration((Date.parse(status.now) - Date.parse(status.started_at)) / 1000)}` : nothing);
    setAttribute(row, "title", each.address ?? "");
  };
  row.show(pod);
  return row;
}

function podsCard() {
  const body = el("tbody");
  const notes = el("ul", {class: "notes"});
  const head = ["Pod", "State", "In its words", "Tasks", "Lag", "Memory", "Version"].map((text) => el("th", {scope: "col", text}));
  const node = el("section", {class: "card wide pods", "aria-label": "Pods"}, el("h2", {text: "Pods"}),
    el("div", {class: "scroll"}, el("table", {class: "rows"}, el("thead", {}, el("tr", {}, head)), body)), notes);
  return {
    node,
    show(model) {
      sync(body, model.pods, (pod) => pod.instance, podRow, (row, pod) => row.show(pod, model));
      const errors = model.workers.filter(({worker}) => worker.last_error).map(({pod, worker}) => ({
        key: `${pod} ${worker.worker}`,
        text: `${pod}, worker ${worker.worker}: a transaction was given up ${ago((Date.now() - Date.parse(worker.last_error_at)) / 1000)}. ${worker.last_error}`,
      }));
      const waits = model.workers.filter(({worker}) => worker.waits_for_memory).map(({pod, worker}) => ({
        key: `memory ${pod} ${worker.worker}`, text: `${pod}, worker ${worker.worker}: events wait for memory.`}));
      const alone = model.incomplete ? [{key: "alone", text: `${model.incomplete}: others of the application may be missing here.`}] : [];
      sync(notes, [...alone, ...waits, ...errors], (note) => note.key, () => el("li"), (item, note) => setText(item, note.text));
    },
  };
}

function blockedCard() {
  const list = el("ol", {class: "short"});
  const more = el("a", {href: "#/blocked", class: "more"});
  const node = el("section", {class: "card", "aria-label": "Blocked longest"}, el("h2", {text: "Blocked longest"}), list, more);
  return {
    node,
    show(model) {
      const rows = model.parked?.rows ?? [];
      sync(list, rows.slice(0, 5), (row) => `${row.task} ${row.aggregate}`, () => el("li", {}, el("b"), el("span"), el("em")),
        (item, row) => {
          const [key, why, age] = item.children;
          setText(key, cut(row.aggregate || "(no key)", 40));
          setText(why, row.reason);
          setText(age, `${duration(row.seconds)}, ${plural(row.events, "event")}`);
        });
      const all = rows.length + (model.parked?.more ?? 0);
      setText(more, model.problems.parked ?? (model.parked === null ? "Not known yet" : all === 0 ? "Nothing is blocked" : `All ${count(all)}`));
    },
  };
}

function lettersCard() {
  const list = el("ol", {class: "bars"});
  const more = el("a", {href: "#/letters", class: "more"});
  const node = el("section", {class: "card", "aria-label": "Dead letters by reason"}, el("h2", {text: "Dead letters by reason"}), list, more);
  return {
    node,
    show(model) {
      const rows = deadLetterCounts(model.workers);
      const most = Math.max(1, ...rows.map((row) => row.count));
      sync(list, rows.slice(0, 6), (row) => `${row.disposition} ${row.reason}`,
        () => el("li", {}, el("span"), el("b"), el("meter", {min: 0})), (item, row) => {
          const [name, n, bar] = item.children;
          setText(name, `${row.disposition} · ${row.reason}`);
          setText(n, count(row.count));
          setAttribute(bar, "max", most);
          setAttribute(bar, "value", row.count);
          setAttribute(bar, "aria-label", `${row.disposition}, ${row.reason}: ${row.count}`);
        });
      setText(more, rows.length === 0 ? "None since these pods started" : "Look at them");
    },
  };
}

export function overview(model) {
  const figures = kFigures.map(figure);
  const drawing = topologyView();
  const stage = el("div", {class: "stage scroll"}, drawing.node);
  const grid = taskGrid();
  const cards = [blockedCard(), lettersCard(), podsCard()];
  const node = el("div", {class: "overview"},
    el("section", {class: "figures", "aria-label": "Figures"}, figures.map((each) => each.node)),
    el("section", {class: "card wide", "aria-label": "Topology"}, el("h2", {text: "Topology"}), stage),
    el("section", {class: "card wide", "aria-label": "Tasks"}, el("h2", {text: "Tasks"}), grid.node),
    cards.map((card) => card.node));
  const open = (vertex) => {
    if (vertex.kind === "letters") location.hash = "#/letters";
    else if (vertex.layer === 0) location.hash = `#/tasks?find=${encodeURIComponent(vertex.line.replace(/^topic /, ""))}`;
    else if (vertex.kind === "aggregate") location.hash = "#/blocked";
  };
  return {
    node,
    title: "Overview",
    show() {
      for (const each of figures) each.show(model);
      if (model.topology !== null) {
        const letters = deadLetterCounts(model.workers).reduce((sum, row) => sum + row.count, 0);
        const facts = {topology: model.topology, tasks: model.tasks, letters, blocked: model.history.last?.blockedAggregates ?? 0};
        drawing.show(model.topology, stage.clientWidth, {
          flow: (from, to) => model.history.flow(from, to),
          badge: (vertex) => badgeOf(vertex, facts),
          open,
        });
      }
      grid.show(model);
      for (const card of cards) card.show(model);
    },
  };
}
