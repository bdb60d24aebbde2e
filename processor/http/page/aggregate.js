// An aggregate's story: its state, what waits, what became of its events.

import {aggregatePath, ask, Refused} from "./client.js";
import {el, replace, setText} from "./dom.js";
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

// The blocked row that the list of blocked aggregates has of it, if it is among those.
function rowOf(model, key) {
  return model.parked?.rows.find((row) => row.aggregate === key) ?? null;
}

function blockedCard(model, name, key, story, keptActions) {
  const row = rowOf(model, key);
  const blocked = story?.blocked ?? null;
  const queue = blocked?.queue ?? [];
  if (row === null && blocked === null) return card("What waits", el("p", {class: "quiet", text: "Nothing: its events are processed as they come."}));
  const state = row?.state ?? story.phase;
  const actions = keptActions(`${state} ${row?.event_id} ${queue.length > 0}`, () => {
    const buttons = row ? actionsFor(row, name) : [];
    if (row && queue.length > 0 && row.state !== "draining") {
      buttons.push(commandButton({command: "parked replace", arguments: [name, key], options: {blocked_by: row.event_id}, value: pretty(queue[0].value)}, `${name} ${key}`));
    }
    return el("p", {class: "actions"}, buttons);
  });
  const since = row?.since ?? blocked?.failed_at;
  return card("What waits",
    el("p", {class: "why"}, el("span", {class: "phase", data: {phase: state}, text: state}), " ", row?.reason ?? `${blocked.reason}: ${blocked.message}`),
    factList([["Failed event", el("code", {text: row?.event_id ?? blocked.event_id})], ["Since", since && clock(since)],
      ["For", row && duration(row.seconds)], ["Attempts", count(row?.attempts ?? blocked.attempts)], ["Waiting", count(row?.events ?? blocked.events)]]),
    actions, queue.map((event, i) => eventItem(event, i, i === 0)));
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

  // The same buttons stay, whatever is drawn anew around them.
  let actions = {key: null, node: null};
  function keptActions(key, make) {
    if (actions.key !== key) actions = {key, node: make()};
    return actions.node;
  }
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
    const notes = (story.notes ?? []).map((note) => el("p", {class: "quiet", text: note}));
    return card("State", factList([["Type", story.type], ["Partition", story.partition]]), notes, story.state === null || story.state === undefined ? el("p", {class: "quiet", text: "It has none."}) : valueOf(story.state));
  }
  function show() {
    setText(says, problem === null ? (story === null ? "Reading it from the changelog…" : "") :
      problem.isMissing && /no such path/.test(problem.message) ? "This pod shows no states by HTTP." : problem.message);
    says.hidden = says.textContent === "";
    // Drawn anew when something has changed, and not while somebody reads in it.
    const row = rowOf(model, key);
    const text = JSON.stringify([story, row && {...row, seconds: 0}]);
    if (text !== shownAs && !parts.contains(document.activeElement)) {
      shownAs = text;
      replace(parts, stateCard(), blockedCard(model, name, key, story, keptActions));
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
