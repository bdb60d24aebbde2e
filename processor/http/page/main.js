// The frame: which part is shown, how fresh it is, keys, the token.

import {Model} from "./model.js";
import {el, isPlainKey, replace, setAttribute, setText, sync} from "./dom.js";
import {count, duration, plural} from "./format.js";
import {askForToken, askedForToken, forgetToken} from "./sign_in.js";
import {applyTheme, nextTheme} from "./themes.js";
import {overview} from "./overview.js";
import {tasksView} from "./tasks.js";
import {blockedView} from "./blocked.js";
import {lettersView} from "./letters.js";
import {auditView} from "./audit.js";
import {aggregateView} from "./aggregate.js";
import {showHelp} from "./help.js";
import {moveBetweenRows} from "./keys.js";

const kTabs = [
  {path: "", name: "Overview", make: overview},
  {path: "tasks", name: "Tasks", make: tasksView, badge: (model) => model.tasks?.filter((task) => task.phase === "failed").length ?? 0},
  {path: "blocked", name: "Blocked", make: blockedView, badge: (model) => (model.parked?.rows.length ?? 0) + (model.parked?.more ?? 0)},
  {path: "letters", name: "Letters", make: lettersView},
  {path: "audit", name: "Audit", make: auditView},
];

const at = (id) => document.getElementById(id);
const model = new Model();
let view = null;

function viewOf(hash) {
  const [path, search] = hash.replace(/^#\/?/, "").split("?");
  const parameters = new URLSearchParams(search ?? "");
  const words = path.split("/").map((word) => {
    try {
      return decodeURIComponent(word);
    } catch {
      return word;
    }
  });
  if (words[0] === "aggregate" && words.length === 3) return aggregateView(model, parameters, words[1], words[2]);
  const tab = kTabs.find((each) => each.path === words[0]) ?? kTabs[0];
  return {...tab.make(model, parameters), tab: tab.path};
}

function go() {
  view?.leave?.();
  view = viewOf(location.hash);
  replace(at("view"), view.node);
  window.scrollTo(0, 0);
  show();
  // With a field to type in, whoever came by keys is asked for nothing more.
  at("view").focus({preventScroll: true});
}

function showTabs() {
  sync(at("tabs"), kTabs, (tab) => tab.path, (tab) => el("a", {href: `#/${tab.path}`}, el("span", {text: tab.name}), el("span", {class: "n"})),
    (link, tab) => {
      const n = tab.badge?.(model) ?? 0;
      setText(link.lastChild, n > 0 ? count(n) : "");
      if (tab.path === view?.tab) setAttribute(link, "aria-current", "page");
      else link.removeAttribute("aria-current");
    });
}

// One word of how it is, and which level that is.
function healthOf() {
  if (model.answeredAt === null) return ["", ""];
  const silent = model.pods.filter((pod) => !pod.answered).length;
  const failed = model.tasks?.filter((task) => task.phase === "failed").length ?? 0;
  const notReady = model.pods.filter((pod) => pod.answered && !pod.status.ready.ok).length;
  if (model.isStale) return ["stale", "bad"];
  if (silent > 0) return [`${plural(silent, "pod")} silent`, "bad"];
  if (failed > 0) return [`${plural(failed, "task")} failed`, "bad"];
  if (notReady > 0) return [`${plural(notReady, "pod")} not ready`, "warn"];
  const blocked = model.history.last?.blockedAggregates ?? 0;
  return blocked > 0 ? [`${count(blocked)} blocked`, "warn"] : [model.isWhole ? `${plural(model.pods.length, "pod")} ready` : "ready", "ok"];
}

function showFreshness() {
  const silent = model.silentSeconds;
  setText(at("fresh"), silent === null ? "" : silent < 3 ? "live" : `${duration(Math.floor(silent))} ago`);
  at("fresh").dataset.level = model.isStale ? "bad" : silent !== null && silent < 3 ? "ok" : "";
  document.body.toggleAttribute("data-stale", model.isStale);
  const [text, level] = healthOf();
  setText(at("health"), text);
  at("health").dataset.level = level;
  const banner = at("banner");
  const problem = model.problem;
  const isAsked = problem?.wantsToken;
  banner.hidden = problem === null || isAsked;
  if (!banner.hidden) {
    const since = silent !== null && silent >= 3 ? ` What is shown is ${duration(Math.floor(silent))} old.` : "";
    setText(banner, problem.status === 0 && silent !== null ? `The pod has not answered for ${duration(Math.floor(silent))}: ${problem.message}.${since}` : `${problem.message}.${since}`);
  }
}

function show() {
  setText(at("application"), model.application);
  document.title = view ? `${view.title} · ${model.application}` : model.application;
  showTabs();
  showFreshness();
  if (model.answeredAt === null && model.problem === null) at("view").setAttribute("aria-busy", "true");
  else at("view").removeAttribute("aria-busy");
  view?.show();
}

async function onChange() {
  if (model.problem?.wantsToken && !askedForToken()) {
    model.stop();
    await askForToken(model.problem.message);
    model.start();
  }
  show();
}

function onKey(event) {
  const isTyping = event.target.closest?.("input, textarea, select");
  const isInDialog = at("dialog").open;
  if (event.key === "Escape" && isTyping && !isInDialog) {
    event.target.blur();
    at("view").focus({preventScroll: true});
    return;
  }
  if (isTyping || isInDialog || !isPlainKey(event)) return;
  const digit = Number(event.key);
  if (event.key === "/" && view.search) view.search.focus();
  else if (event.key === "?") showHelp(kTabs);
  else if (event.key === "t") applyTheme(nextTheme());
  else if (event.key === "r") model.refresh();
  else if (digit >= 1 && digit <= kTabs.length) location.hash = `#/${kTabs[digit - 1].path}`;
  else if (event.key === "Escape" && view.tab === "blocked" && location.hash.startsWith("#/aggregate")) location.hash = "#/blocked";
  else if (!moveBetweenRows(event, at("view"))) return;
  event.preventDefault();
}

at("theme").addEventListener("click", () => applyTheme(nextTheme()));
at("help").addEventListener("click", () => showHelp(kTabs, forgetToken));
document.addEventListener("keydown", onKey);
document.addEventListener("visibilitychange", () => document.hidden || model.refresh());
document.addEventListener("once-command", () => model.refresh());
window.addEventListener("hashchange", go);
window.addEventListener("resize", () => view?.show());
model.addEventListener("change", onChange);
setInterval(showFreshness, 1000);
applyTheme();
go();
model.start();
