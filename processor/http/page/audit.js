// What operators did: who, what, why, and what became of it.

import {ask, query, Refused} from "./client.js";
import {cell, el, setText, sync} from "./dom.js";
import {clock, plural} from "./format.js";

const kMost = 100;
const kEveryMs = 10000;

function makeRow(result) {
  return el("tr", {class: "row"},
    el("th", {scope: "row", text: clock(result.time), title: result.time}),
    cell("Outcome", {}, el("span", {class: "phase", data: {phase: result.outcome.toLowerCase()}, text: result.outcome.toLowerCase()})),
    cell("Command", {}, el("b", {text: result.command}), " ", el("span", {text: result.about})),
    cell("Task", {text: result.task}),
    cell("Touched", {class: "number", text: `${plural(result.queues, "aggregate")}, ${plural(result.events, "event")}`}),
    cell("By", {text: result.issuer}),
    cell("Why", {class: "grow", text: [result.reason, result.code && `${result.code}: ${result.message}`].filter(Boolean).join("; ")}));
}

export function auditView(model, parameters) {
  let find = parameters.get("find") ?? "";
  let results = null;
  let problem = null;
  let askedAt = 0;
  let isAsking = false;
  const search = el("input", {type: "search", class: "search", placeholder: "Find by command, issuer, key, task", "aria-label": "Find results", value: find,
    oninput: () => {
      find = search.value;
      show();
    }});
  const says = el("p", {class: "quiet", role: "status"});
  const body = el("tbody");
  const heads = ["When", "Outcome", "Command", "Task", "Touched", "By", "Why"].map((text) => el("th", {scope: "col", text}));
  const card = el("div", {class: "scroll card"}, el("table", {class: "rows"}, el("thead", {}, el("tr", {}, heads)), body));
  const node = el("div", {class: "list"}, el("div", {class: "bar"}, search), says, card);

  async function load() {
    if (isAsking) return;
    isAsking = true;
    askedAt = Date.now();
    try {
      results = [...(await ask(query("v1/audit", {count: kMost}), {patienceMs: 20000})).results].reverse();
      problem = null;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      problem = error.isMissing ? "This pod shows no audit by HTTP: it is of another version, or takes no commands." : error.message;
    }
    isAsking = false;
    show();
  }
  function show() {
    const words = find.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = (problem ? [] : results ?? []).filter((result) => {
      const text = `${result.command} ${result.about} ${result.issuer} ${result.task} ${result.outcome} ${result.reason}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    sync(body, shown, (result) => `${result.command_id} ${result.task} ${result.outcome} ${result.time}`, makeRow);
    card.hidden = shown.length === 0;
    setText(says, problem ?? (results === null ? "Reading the audit…" : results.length === 0 ? "Nobody has sent a command yet." :
      shown.length === 0 ? "None is like that." : ""));
    if (!isAsking && Date.now() - askedAt > kEveryMs) load();
  }
  document.addEventListener("once-command", load);
  return {node, title: "Audit", show, search, leave: () => document.removeEventListener("once-command", load)};
}
