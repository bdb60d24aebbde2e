// Asks for the token, and says why.

import {token} from "./client.js";
import {el, replace} from "./dom.js";

let isAsked = false;

export const askedForToken = () => isAsked;

// Until somebody has typed something in.
export function askForToken(why) {
  isAsked = true;
  const hadOne = token.get() !== "";
  const dialog = document.getElementById("dialog");
  return new Promise((resolve) => {
    const input = el("input", {type: "password", autocomplete: "off", spellcheck: "false", required: true, "aria-describedby": "why"});
    const form = el("form", {method: "dialog", class: "signin", onsubmit: () => token.set(input.value.trim())},
      el("h2", {id: "dialog-title", text: hadOne ? "That token is not taken" : "A token, please"}),
      el("p", {id: "why", class: hadOne ? "bad" : "quiet", text: `The pod says: ${why}.`}),
      el("label", {}, el("span", {text: "Token of --http_token_file"}), input),
      el("p", {class: "quiet", text: "It stays in this tab until the tab is closed, and goes to pods of this application alone."}),
      el("div", {class: "buttons"}, el("button", {type: "submit", class: "primary", text: "Go on"})));
    token.forget();
    replace(dialog, form);
    const keepOpen = (event) => event.preventDefault();
    dialog.addEventListener("cancel", keepOpen);
    dialog.addEventListener("close", () => {
      dialog.removeEventListener("cancel", keepOpen);
      isAsked = false;
      resolve();
    }, {once: true});
    dialog.showModal();
    input.focus();
  });
}

export function forgetToken() {
  token.forget();
  location.reload();
}
