// The application as this page knows it: asked for again and again, of the pod that served the page.

import {ask, Refused} from "./client.js";
import {History} from "./history.js";

const kPeriodMs = 2000;
// What is long is asked for less often.
const kLongPeriodMs = 5000;
const kManyTasks = 200;
export const kStaleSeconds = 10;

const nowSeconds = () => Date.now() / 1000;

// Answers of all pods: [{instance, address, self, answered, why, answer}]. A pod that does not gather them answers for
// itself.
function podsOf(answer, self) {
  if (Array.isArray(answer.pods)) return answer.pods;
  return [{instance: answer.instance ?? self, address: location.host, self: true, answered: true, why: null, answer}];
}

export class Model extends EventTarget {
  history = new History();
  topology = null;
  pods = [];
  tasks = null;
  parked = null;
  isWhole = true;        // Whether the pods beside this one are seen.
  answeredAt = null;     // When the pod answered last, in seconds.
  problem = null;        // Why it did not, the last time: a Refused.
  incomplete = null;     // Why pods may be missing.
  problems = {};         // Of single parts of it.
  paused = false;
  #timer = null;
  #tasksAt = 0;
  #seen = new Map();     // When each pod was heard, and what it said.

  start() {
    this.stop();
    this.#turn();
  }
  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  async #turn() {
    const mine = (this.#timer = setTimeout(() => {}, 0));
    if (!document.hidden || this.answeredAt === null) await this.refresh();
    if (this.#timer === mine) this.#timer = setTimeout(() => this.#turn(), kPeriodMs);
  }

  async refresh() {
    try {
      await this.#askStatus();
      if (this.topology === null) this.topology = await ask("v1/topology");
      this.answeredAt = nowSeconds();
      this.problem = null;
      await this.#askParts();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.problem = error;
    }
    this.dispatchEvent(new Event("change"));
  }

  async #askOfAll(path) {
    if (!this.isWhole) return ask(path);
    try {
      return await ask(`${path}?scope=application`);
    } catch (error) {
      if (!(error instanceof Refused) || ![400, 404, 501, 503].includes(error.status)) throw error;
      // A pod that starts, or is asked too much, still tells of itself.
      if (error.status !== 503) this.isWhole = false;
      return ask(path);
    }
  }

  async #askStatus() {
    const answer = await this.#askOfAll("v1/status");
    this.incomplete = Array.isArray(answer.pods) ? answer.incomplete : "This pod tells of itself alone";
    const at = nowSeconds();
    this.pods = podsOf(answer, "this pod").map((pod) => {
      const before = this.#seen.get(pod.instance);
      if (pod.answered) this.#seen.set(pod.instance, {at, answer: pod.answer});
      return {...pod, status: pod.answered ? pod.answer : (before?.answer ?? null), heardAt: pod.answered ? at : before?.at};
    });
    this.history.look(at, this.workers);
  }

  async #askParts() {
    const isDue = (this.tasks?.length ?? 0) < kManyTasks || Date.now() - this.#tasksAt >= kLongPeriodMs;
    if (!isDue) return;
    this.#tasksAt = Date.now();
    await Promise.all([
      this.#part("tasks", async () => {
        const answers = podsOf(await this.#askOfAll("v1/tasks"), this.instance);
        this.tasks = answers.flatMap((pod) =>
          pod.answered ? pod.answer.tasks.map((task) => ({...task, pod: pod.instance})) : []);
      }),
      this.#part("parked", async () => {
        const answers = podsOf(await this.#askOfAll("v1/parked"), this.instance).filter((pod) => pod.answered);
        const rows = answers.flatMap((pod) => pod.answer.aggregates.map((row) => ({...row, pod: pod.instance})));
        rows.sort((a, b) => b.seconds - a.seconds);
        this.parked = {rows, more: answers.reduce((sum, pod) => sum + pod.answer.not_shown, 0)};
      }),
    ]);
  }

  // A part that cannot be had leaves the others.
  async #part(name, get) {
    try {
      await get();
      delete this.problems[name];
    } catch (error) {
      if (!(error instanceof Refused) || error.wantsToken) throw error;
      this.problems[name] = error.message;
    }
  }

  get instance() {
    return this.pods.find((pod) => pod.self)?.instance ?? "this pod";
  }
  get application() {
    return this.topology?.application ?? this.pods.find((pod) => pod.status)?.status.application ?? "Once";
  }
  // Of the pods that were heard just now.
  get workers() {
    return this.pods
      .filter((pod) => pod.answered)
      .flatMap((pod) =>
        pod.answer.workers
          .filter((worker) => worker.events !== undefined)
          .map((worker) => ({id: `${pod.instance} ${pod.answer.started_at} ${worker.worker}`, pod: pod.instance, worker})));
  }
  get silentSeconds() {
    return this.answeredAt === null ? null : nowSeconds() - this.answeredAt;
  }
  get isStale() {
    return this.silentSeconds !== null && this.silentSeconds >= kStaleSeconds;
  }
}
