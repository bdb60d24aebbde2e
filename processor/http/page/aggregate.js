// An aggregate's story: its state, what waits, its timers, what became of its events.

import {aggregatePath, ask, Refused} from "./client.js";
import {cell, el, replace, setText} from "./dom.js";
import {clock, count, duration} from "./format.js";
import {actionsFor} from "./blocked.js";
import {commandButton} from "./commands.js";
import {lettersOf, pretty} from "./letters.js";

const kEveryMs = 5000;

const card = (title, ...children) => el("section", {class: "card", "aria-label": title}, el("h2", {text: title}), children);

function factList(pairs) {
  return el("dl", {class: "facts"}, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([name, value]) =>
    el("div", {}, el("dt", {text: name}), el("dd", {}, typeof value === "object" ? value : String(value)))));
}

const valueOf = (value) => el("pre", {class: "value", tabindex: 0, "aria-label": "Decoded", text: pretty(value)});

function eventItem(event, index, isHead) {
  const facts = [["Type", event.event_type], ["Came from", event.origin], ["Time", event.time && clock(event.time)],
    ["Parked", event.parked_at && clock(event.parked_at)]];
  return el("details", {class: "letter", open: index === 0}, el("summary", {},
    el("span", {class: "phase", data: {phase: isHead ? "failed" : "blocked"}, text: isHead ? "failed" : `+${index}`}), el("b", {text: event.event_id ?? ""}),
    el("span", {class: "reason", text: event.event_type ?? ""}), el("time", {text: clock(event.time)})),
  factList(facts), event.omitted ? el("p", {class: "quiet", text: String(event.omitted)}) : valueOf(event.value));
}

function timersCard(timers) {
  const rows = timers.map((timer) => el("tr", {}, el("th", {scope: "row", text: timer.name ?? timer.id ?? ""}),
    cell("Due", {text: clock(timer.due ?? timer.at)}), cell("What", {text: timer.clock ?? ""})));
  return card("Timers", el("table", {class: "rows inner"}, el("tbody", {}, rows)));
}

// The blocked row that the list of blocked aggregates has of it, if it is among those.
function rowOf(model, key) {
  return model.parked?.rows.find((row) => row.aggregate === key) ?? null;
}

function blockedCard(model, name, key, story) {
  const row = rowOf(model, key);
  const parked = story?.parked ?? null;
  const queue = story?.queue ?? parked?.queue ?? [];
  if (row === null && !parked && queue.length === 0) return card("What waits", el("p", {class: "quiet", text: "Nothing: its events are processed as they come."}));
  const about = row ?? parked ?? story ?? {};
  const actions = row ? actionsFor(row, name) : [];
  const head = queue[0];
  if (row && head && head.value !== undefined && row.state !== "draining") {
    actions.push(commandButton({command: "parked replace", arguments: [name, key], options: {blocked_by: row.event_id}, value: pretty(head.value)}, `${name} ${key}`));
  }
  return card("What waits", el("p", {class: "why"}, el("span", {class: "phase", data: {phase: about.state}, text: about.state ?? ""}), " ", about.reason ?? about.message ?? ""),
    factList([["Failed event", about.event_id && el("code", {text: about.event_id})], ["Since", about.since && clock(about.since)],
      ["For", about.seconds === undefined ? null : duration(about.seconds)], ["Attempts", about.attempts && count(about.attempts)],
      ["Waiting", about.events && count(about.events)], ["Next attempt", about.retry_at && clock(about.retry_at)]]),
    el("p", {class: "actions"}, actions), queue.map((event, i) => eventItem(event, i, i === 0)));
}

export function aggregateView(model, parameters, name, key) {
  let story = null;
  let problem = null;
  let askedAt = 0;
  let isAsking = false;
  let isGone = false;
  let shownAs = "";
  const says = el("p", {class: "quiet", role: "status"});
  const parts = el("div", {class: "story"});
  const letters = el("div", {class: "letters"}, el("p", {class: "quiet", text: "Reading…"}));
  const node = el("div", {class: "list"},
    el("p", {class: "crumbs"}, el("a", {href: "#/blocked", text: "Blocked"}), ` / ${name} /`), el("h2", {class: "key big", text: key}), says, parts,
    card("Its dead letters", letters));

  async function load() {
    isAsking = true;
    askedAt = Date.now();
    try {
      story = await ask(aggregatePath(name, key), {patienceMs: 20000});
      problem = null;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      problem = error;
    }
    isAsking = false;
    if (!isGone) show();
  }
  function stateCard() {
    if (story === null) return null;
    const owner = [["Task", story.task], ["Pod", story.pod ?? story.instance], ["Changed", story.changed_at && clock(story.changed_at)]];
    return card("State", factList(owner), story.state === null || story.state === undefined ? el("p", {class: "quiet", text: "It has none."}) : valueOf(story.state));
  }
  function show() {
    setText(says, problem === null ? (story === null ? "Asking the pod that has it…" : "") :
      problem.isMissing && /no such path/.test(problem.message) ? "This pod shows no states by HTTP." : problem.message);
    says.hidden = says.textContent === "";
    // Drawn anew when something has changed, and not while somebody reads in it.
    const row = rowOf(model, key);
    const text = JSON.stringify([story, row && {...row, seconds: 0}]);
    if (text !== shownAs && !parts.contains(document.activeElement)) {
      shownAs = text;
      replace(parts, stateCard(), blockedCard(model, name, key, story), story?.timers?.length > 0 && timersCard(story.timers));
    }
    if (!isAsking && Date.now() - askedAt > kEveryMs) load();
  }
  function afterCommand() {
    load();
    lettersOf(key, letters);
  }
  lettersOf(key, letters);
  document.addEventListener("once-command", afterCommand);
  return {node, title: key, tab: "blocked", show, leave: () => {
    isGone = true;
    document.removeEventListener("once-command", afterCommand);
  }};
}
