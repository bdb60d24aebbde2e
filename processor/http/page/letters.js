// Dead letters: how many of which reason, and the latest of them, decoded.

import {ask, query, Refused} from "./client.js";
import {el, replace, setAttribute, setText, sync} from "./dom.js";
import {clock, count, cut} from "./format.js";
import {deadLetterCounts} from "./history.js";

const kPage = 20;
const kEveryMs = 10000;

export const pretty = (value) => (value === null || value === undefined ? "null" : typeof value === "string" ? value : JSON.stringify(value, null, 2));

export function letterItem(letter) {
  const rows = [["Event", letter.event_id], ["Type", letter.event_type], ["Came from", letter.origin], ["Blocked by", letter.blocked_by],
    ["Round", letter.round], ["Place in the topic", letter.place]].filter(([, value]) => value);
  return el("details", {class: "letter"},
    el("summary", {}, el("span", {class: "phase", data: {phase: letter.disposition}, text: letter.disposition}),
      el("b", {text: cut(letter.key || "(no key)", 60)}), el("span", {class: "reason", text: `${letter.reason}: ${letter.message}`}),
      el("time", {text: clock(letter.time)})),
    el("dl", {class: "facts"}, rows.map(([name, value]) => el("div", {}, el("dt", {text: name}), el("dd", {}, el("code", {text: value}))))),
    el("pre", {class: "value", tabindex: 0, "aria-label": "Its value", text: pretty(letter.value)}));
}

export function lettersView(model, parameters) {
  const wanted = {key: parameters.get("find") ?? "", disposition: "", reason: ""};
  let letters = null;
  let problem = null;
  let notes = [];
  let askedAt = 0;
  let isAsking = false;
  let isGone = false;

  const search = el("input", {type: "search", class: "search", placeholder: "Key, all of it", "aria-label": "Letters of a key", value: wanted.key,
    onchange: () => choose({key: search.value})});
  const again = el("button", {type: "button", class: "plain", text: "Look again", onclick: () => load()});
  const counts = el("div", {class: "chips", role: "group", "aria-label": "Disposition and reason"});
  const says = el("p", {class: "quiet", role: "status"});
  const list = el("div", {class: "letters"});
  const node = el("div", {class: "list"}, el("div", {class: "bar"}, search, again), counts, says, list);

  function choose(changes) {
    Object.assign(wanted, changes);
    load();
  }
  async function load() {
    if (isAsking) return;
    isAsking = true;
    askedAt = Date.now();
    show();
    try {
      const answer = await ask(query("v1/dead-letters", {...wanted, count: kPage}), {patienceMs: 20000});
      letters = [...answer.letters].reverse();
      notes = answer.notes ?? [];
      problem = null;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      problem = error.isMissing ? "This pod shows no letters by HTTP: it is of another version, or they are turned off." : error.message;
    }
    isAsking = false;
    if (!isGone) show();
  }
  function showCounts() {
    const rows = deadLetterCounts(model.workers);
    const all = {disposition: "", reason: "", count: rows.reduce((sum, row) => sum + row.count, 0)};
    sync(counts, [all, ...rows], (row) => `${row.disposition} ${row.reason}`,
      (row) => el("button", {type: "button", class: "chip", data: {phase: row.disposition},
        onclick: () => choose({disposition: row.disposition, reason: row.reason})}),
      (chip, row) => {
        setText(chip, `${row.disposition === "" ? "all" : `${row.disposition} · ${row.reason}`} ${count(row.count)}`);
        setAttribute(chip, "aria-pressed", row.disposition === wanted.disposition && row.reason === wanted.reason);
      });
  }
  function show() {
    showCounts();
    sync(list, problem ? [] : letters ?? [], (letter) => letter.place, letterItem);
    const topic = model.topology?.dead_letter_topic ?? "the dead-letter topic";
    setText(says, problem ?? (letters === null ? `Reading ${topic}…` : letters.length === 0 ? "There are none like that." :
      ["Counts are since these pods started. Below, the latest first, of ", topic, ".", ...notes.map((note) => ` ${note}.`)].join("")));
    node.toggleAttribute("aria-busy", isAsking);
    if (!isAsking && Date.now() - askedAt > kEveryMs && !list.querySelector("details[open]")) load();
  }
  return {node, title: "Dead letters", show, search, leave: () => (isGone = true)};
}

// For another view: the latest letters of one key.
export async function lettersOf(key, into) {
  try {
    const {letters} = await ask(query("v1/dead-letters", {key, count: kPage}), {patienceMs: 20000});
    replace(into, letters.length === 0 ? el("p", {class: "quiet", text: "None that the topic still has."}) : [...letters].reverse().map(letterItem));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    replace(into, el("p", {class: "quiet", text: error.isMissing ? "This pod shows no letters by HTTP." : error.message}));
  }
}
