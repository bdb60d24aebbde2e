// What counters of all workers become over time: rates, and the last ten minutes of them.

export const kHistorySeconds = 600;
export const kDeadLetters = "dead letters";
const kDispositions = ["failed", "blocked", "rejected", "skipped", "discarded", "never_processed"];
const kCounters = ["processed", "outputs", "duplicates", "failed", "blocked", "rejected", "ignored"];

// Growth of counters between two looks. A worker that was started anew begins at zero again: what it counts is new.
class Growth {
  #before = new Map();
  #after = new Map();

  of(id, value) {
    if (value === null || value === undefined) return 0;
    this.#after.set(id, value);
    const before = this.#before.get(id);
    if (before === undefined) return 0;
    return value >= before ? value - before : value;
  }
  turn() {
    this.#before = this.#after;
    this.#after = new Map();
  }
}

const addTo = (sums, name, value) => sums.set(name, (sums.get(name) ?? 0) + value);

// The value below which `share` of what the buckets hold lies: by straight lines within a bucket.
export function quantile(bounds, counts, share) {
  const total = counts.reduce((sum, n) => sum + n, 0);
  if (total === 0) return null;
  let left = share * total;
  for (let i = 0; i < counts.length; ++i) {
    if (counts[i] >= left && counts[i] > 0) {
      const low = i === 0 ? 0 : bounds[i - 1];
      const high = i < bounds.length ? bounds[i] : bounds[bounds.length - 1];
      return low + (high - low) * (left / counts[i]);
    }
    left -= counts[i];
  }
  return bounds[bounds.length - 1];
}

// [edge, events] of all edges, by the names that the drawing has for their ends.
function edgesOf(nodes) {
  return nodes.flatMap(({node, in: heard, out, failed}) => [
    ...heard.map(({source, events}) => [`source ${source}\nnode ${node}`, events]),
    ...out.map(({sink, events}) => [`node ${node}\nsink ${sink}`, events]),
    [`node ${node}\n${kDeadLetters}`, failed],
  ]);
}

export class History {
  samples = [];
  #growth = new Growth();
  #lastLook = null;
  #flows = new Map();

  // `workers`: [{id, worker}] of all pods that have answered, `at` in seconds.
  look(at, workers) {
    const elapsed = this.#lastLook === null ? null : at - this.#lastLook;
    this.#lastLook = at;
    const sample = {at, lag: 0, parked: 0, blockedAggregates: 0, memory: 0, share: 0};
    const grown = Object.fromEntries([...kCounters, "commits", "aborts"].map((name) => [name, 0]));
    const flows = new Map();
    const latency = {bounds: [], commit: [], event: []};
    for (const {id, worker} of workers) {
      sample.lag += worker.lag;
      sample.parked += worker.parked_events;
      sample.blockedAggregates += worker.blocked_aggregates;
      const {share, ...parts} = worker.memory_bytes;
      sample.memory += Object.values(parts).reduce((sum, n) => sum + n, 0);
      sample.share += share;
      for (const name of kCounters) grown[name] += this.#growth.of(`${id} ${name}`, worker.events[name]);
      grown.commits += this.#growth.of(`${id} commits`, worker.commits);
      for (const [cause, n] of Object.entries(worker.aborts)) grown.aborts += this.#growth.of(`${id} ${cause}`, n);
      this.#lookAtLatency(id, worker, latency);
      for (const [name, n] of edgesOf(worker.nodes ?? [])) addTo(flows, name, this.#growth.of(`${id} ${name}`, n));
    }
    this.#growth.turn();
    if (elapsed === null || elapsed <= 0) return;
    for (const [name, n] of Object.entries(grown)) sample[name] = n / elapsed;
    this.#flows = new Map([...flows].map(([name, n]) => [name, n / elapsed]));
    sample.commitP50 = quantile(latency.bounds, latency.commit, 0.5);
    sample.commitP99 = quantile(latency.bounds, latency.commit, 0.99);
    sample.eventP50 = quantile(latency.bounds, latency.event, 0.5);
    sample.eventP99 = quantile(latency.bounds, latency.event, 0.99);
    this.samples.push(sample);
    while (this.samples[0].at < at - kHistorySeconds) this.samples.shift();
  }

  #lookAtLatency(id, worker, latency) {
    const given = worker.latency_seconds;
    if (!given) return;
    latency.bounds = given.bounds;
    for (const name of ["commit", "event"]) {
      given[name].forEach((n, i) => {
        latency[name][i] = (latency[name][i] ?? 0) + this.#growth.of(`${id} ${name} ${i}`, n);
      });
    }
  }

  get last() {
    return this.samples[this.samples.length - 1] ?? null;
  }
  series(name) {
    return this.samples.map((sample) => ({at: sample.at, value: sample[name] ?? null}));
  }
  // Events a second between two nodes of the topology; null: the pods do not count them.
  flow(from, to) {
    return this.#flows.get(`${from}\n${to}`) ?? null;
  }
}

// Of all workers since their start: [{disposition, reason, count}], the most first.
export function deadLetterCounts(workers) {
  const sums = new Map();
  for (const {worker} of workers) {
    for (const each of worker.dead_letters ?? []) addTo(sums, `${each.disposition}\n${each.reason}`, each.count);
  }
  const rows = [...sums].map(([name, n]) => {
    const [disposition, reason] = name.split("\n");
    return {disposition, reason, count: n};
  });
  const place = (row) => kDispositions.indexOf(row.disposition);
  return rows.sort((a, b) => b.count - a.count || place(a) - place(b));
}
