// What keys there are, and what is what.

import {token} from "./client.js";
import {el, replace} from "./dom.js";

const kKeys = [["/", "find"], ["j k", "next and previous row"], ["Enter", "open a row"], ["t", "light, dark, as the system"], ["r", "ask now"],
  ["Esc", "close, leave"], ["?", "this"]];

const kWords = [
  ["Blocked", "One event of an aggregate failed; later ones of the same aggregate wait behind it, in order. All other aggregates go on."],
  ["Lag", "Offsets between the next event of a task and the end of its partition."],
  ["Dead letter", "A copy of an event that did not take effect, with the reason. That of a blocked aggregate's event is not the event itself: it waits in the changelog."],
  ["Rates", "From the pods' counters of what is committed, over the last two seconds."],
];

export function showHelp(tabs, forget) {
  const dialog = document.getElementById("dialog");
  const keys = [...tabs.map((tab, i) => [String(i + 1), tab.name.toLowerCase()]), ...kKeys];
  replace(dialog, el("form", {method: "dialog", class: "help"}, el("h2", {id: "dialog-title", text: "Keys"}),
    el("dl", {class: "keys"}, keys.map(([key, does]) => el("div", {}, el("dt", {}, key.split(" ").map((each) => el("kbd", {text: each}))), el("dd", {text: does})))),
    el("h2", {text: "Words"}), el("dl", {class: "words"}, kWords.map(([word, means]) => el("div", {}, el("dt", {text: word}), el("dd", {text: means})))),
    el("div", {class: "buttons"},
      forget && token.get() !== "" && el("button", {type: "button", class: "plain", text: "Forget the token", onclick: forget}),
      el("button", {type: "submit", class: "primary", text: "Close"}))));
  dialog.showModal();
}
