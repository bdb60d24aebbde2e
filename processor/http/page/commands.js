// Commands: first what one would touch, then "Do it", then what became of it.

import {ask, Refused} from "./client.js";
import {el, replace} from "./dom.js";
import {plural} from "./format.js";

const kFollowMs = 500;
const kPatienceMs = 60000;
const kSettleMs = 300;

// What each does, in words, and whether something is lost by it.
const kCommands = {
  "parked release": {verb: "Release", does: "The event that failed runs again, then all that waits behind it, in order. If it fails again, all stays as it is."},
  "parked retry": {verb: "Retry now", does: "The next attempt is made at once, and not when it is due."},
  "parked skip": {verb: "Skip event", does: "The event that failed ends without being processed, for good; what waits behind it is processed.", isFinal: true},
  "parked discard": {verb: "Discard all", does: "All that waits now ends without being processed, for good, the good events as well.", isFinal: true},
  "parked replace": {verb: "Replace value", does: "The event that failed gets this value; its key, headers, ID and place stay."},
  "tasks pause": {verb: "Pause", does: "No new events are taken in, also after restarts, until it is resumed. What waits in queues goes on."},
  "tasks resume": {verb: "Resume", does: "New events are taken in again."},
  "tasks retry": {verb: "Try again", does: "The task that has failed is tried at once, and not when it is due."},
  "never add": {verb: "Never process", does: "Events that match end as never processed, and block nothing.", isFinal: true},
};

const kSelections = [
  {name: "reason", label: "Reason", hint: "INTERNAL", about: "a status code"},
  {name: "type", label: "Event type", hint: "orders.v1.OrderPlaced"},
  {name: "older_than", label: "Failed at least so long ago", hint: "10m"},
  {name: "per_second", label: "At most so many a second, in each task", hint: "50", isNumber: true},
];

// Drawn here, so that a command whose answer is lost can be sent again and takes effect once.
function drawId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// `order`: {command, arguments, options}; with `selects`, fields narrow what it is about; with `value`, JSON to be edited.
export function commandButton(order, named) {
  const {verb, isFinal} = kCommands[order.command];
  return el("button", {type: "button", class: isFinal ? "plain final" : "plain", text: order.label ?? verb,
    "aria-label": `${order.label ?? verb}: ${named}`, onclick: () => openCommand(order, named)});
}

function touched(would) {
  const parts = [];
  if (would.aggregates !== undefined) parts.push(plural(would.aggregates, "aggregate"));
  if (would.events !== undefined) parts.push(plural(would.events, "event"));
  if (would.tasks !== undefined) parts.push(plural(would.tasks, "task"));
  return parts.join(", ");
}

function resultRows(job) {
  const rows = (job.results ?? []).map((result) => el("li", {data: {outcome: result.outcome}},
    el("b", {text: result.task}), el("span", {text: result.outcome.toLowerCase()}),
    el("span", {text: `${plural(result.queues, "aggregate")}, ${plural(result.events, "event")}`}),
    result.message && el("em", {text: result.message})));
  return rows.length > 0 ? el("ul", {class: "results"}, rows) : null;
}

const kStates = {
  pending: "Sent. Waiting for its tasks…",
  done: "Done.",
  refused: "Refused: nothing was changed.",
  unclear: "No answer in time. The audit tells what became of it.",
};

class CommandDialog {
  #order;
  #dialog = document.getElementById("dialog");
  #id = drawId();
  #asked = 0;
  #timer = null;

  constructor(order, named) {
    this.#order = order;
    const {verb, does, isFinal} = kCommands[order.command];
    this.preview = el("div", {class: "preview", role: "status"});
    this.because = el("input", {type: "text", maxlength: 500, placeholder: "ticket 7: the rate was missing"});
    this.fields = (order.selects ? kSelections : []).map((field) => ({...field,
      input: el("input", {type: field.isNumber ? "number" : "text", min: field.isNumber ? 1 : null, placeholder: field.hint, oninput: () => this.#settle()})}));
    this.value = order.value === undefined ? null : el("textarea", {rows: 10, spellcheck: "false", oninput: () => this.#settle()});
    if (this.value) this.value.value = order.value;
    this.release = order.value === undefined ? null : el("input", {type: "checkbox", checked: true, onchange: () => this.#settle()});
    this.doIt = el("button", {type: "submit", class: isFinal ? "primary final" : "primary", text: "Do it", disabled: true});
    this.cancel = el("button", {type: "button", class: "plain", text: "Cancel", onclick: () => this.#dialog.close()});
    const form = el("form", {method: "dialog", onsubmit: (event) => {
      event.preventDefault();
      this.#send();
    }},
      el("h2", {id: "dialog-title", text: verb}), el("p", {class: "about", text: named}), el("p", {class: "quiet", text: does}),
      this.fields.map(({label, input}) => el("label", {}, el("span", {text: label}), input)),
      this.value && el("label", {}, el("span", {text: "Value, as JSON of its type"}), this.value),
      this.release && el("label", {class: "check"}, this.release, el("span", {text: "Run it then"})),
      el("label", {}, el("span", {text: "Why, for the audit"}), this.because),
      this.preview, el("div", {class: "buttons"}, this.cancel, this.doIt));
    replace(this.#dialog, form);
    this.#dialog.showModal();
    this.#dialog.addEventListener("close", () => this.#end(), {once: true});
    this.because.focus();
    this.#look();
  }

  #end() {
    clearTimeout(this.#timer);
    this.#asked = -1;
  }

  #body(isDry) {
    const options = {...(this.#order.options ?? {})};
    for (const {name, input, isNumber} of this.fields) {
      if (input.value.trim() !== "") options[name] = isNumber ? Number(input.value) : input.value.trim();
    }
    if (this.because.value.trim() !== "") options.because = this.because.value.trim();
    if (this.release?.checked) options.release = true;
    const body = {command: this.#order.command, arguments: this.#order.arguments ?? [], options};
    if (this.value) body.value = JSON.parse(this.value.value);
    return isDry ? {...body, dry_run: true} : {...body, command_id: this.#id};
  }

  #settle() {
    this.doIt.disabled = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), kSettleMs);
  }

  #say(level, ...children) {
    this.preview.dataset.level = level;
    replace(this.preview, children);
  }

  // What it would touch. Only the answer to what was asked last counts.
  async #look() {
    const number = ++this.#asked;
    this.doIt.disabled = true;
    this.#say("", el("p", {text: "Asking what it would touch…"}));
    try {
      const would = await ask("v1/commands", {method: "POST", body: this.#body(true), patienceMs: 20000});
      if (number !== this.#asked) return;
      const sum = touched(would);
      this.#say("", el("p", {class: "would", text: `It would ${would.would}.`}), sum && el("p", {class: "sum", text: sum}));
      this.doIt.disabled = false;
    } catch (error) {
      if (number !== this.#asked) return;
      this.#say("bad", el("p", {text: error instanceof SyntaxError ? `That is no JSON: ${error.message}` : this.#explain(error)}));
    }
  }

  #explain(error) {
    if (!(error instanceof Refused)) throw error;
    return error.isMissing && /no such path/.test(error.message) ? "This pod takes no commands by HTTP." : error.message;
  }

  async #send() {
    this.doIt.disabled = true;
    for (const {input} of this.fields) input.disabled = true;
    this.because.disabled = true;
    if (this.value) this.value.disabled = true;
    this.#say("", el("p", {text: "Sending…"}));
    try {
      await this.#follow(await ask("v1/commands", {method: "POST", body: this.#body(false), patienceMs: 20000}));
    } catch (error) {
      const text = this.#explain(error);
      const again = error.status === 0 || error.status === 503;
      this.#say("bad", el("p", {text: again ? `${text}. Whether it was sent is not known; sent again, it takes effect once.` : text}));
      this.doIt.textContent = "Send again";
      this.doIt.disabled = !again;
    }
  }

  async #follow(first) {
    const until = Date.now() + kPatienceMs;
    let job = first;
    this.cancel.textContent = "Close";
    while (this.#asked >= 0) {
      const isOver = job.state !== "pending" || Date.now() > until;
      const level = job.state === "done" ? "ok" : job.state === "pending" ? "" : "bad";
      this.#say(level, el("p", {class: "would", text: kStates[job.state] ?? job.state}), job.message && el("p", {text: job.message}), resultRows(job),
        el("p", {class: "quiet"}, "command ", el("code", {text: job.id})));
      if (isOver) {
        this.doIt.hidden = true;
        this.cancel.focus();
        document.dispatchEvent(new Event("once-command"));
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, kFollowMs));
      job = await ask(`v1/jobs/${encodeURIComponent(first.id)}`);
    }
  }
}

export function openCommand(order, named) {
  return new CommandDialog(order, named);
}

