// The driver of benchmarks/measuring/driver.py for plainjob: the same orders, the same answers.
// Run in the folder where its packages are installed.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import readline from "node:readline";
import { pathToFileURL } from "node:url";

const require = createRequire(path.join(process.cwd(), "package.json"));
const load = async (name) => import(pathToFileURL(require.resolve(name)));
const Database = require("better-sqlite3");
const { better, defineQueue } = await load("plainjob");

const TYPE = "benchmark";
const DONE = 2;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const clock = () => Number(process.hrtime.bigint());
const rest = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const base64 = (numbers) =>
  Buffer.from(BigInt64Array.from(numbers, (each) => BigInt(Math.round(each))).buffer).toString("base64");
const payload = (number) => ({
  task: number,
  channel_url: "@some_channel_or_other",
  max_results: 50,
  note: "x".repeat(50),
});

let database;
let connection;
let queue;

const claim = () => {
  const marked = queue.getAndMarkJobAsProcessing(TYPE);
  return marked ? queue.getJobById(marked.id) : undefined;
};
const numberOf = (job) => JSON.parse(job.data).task;
const complete = (job) => queue.markJobAsDone(job.id).changes === 1;

const timed = (values, call) =>
  values.map((value) => {
    const began = clock();
    call(value);
    return clock() - began;
  });

function claimTimed(calls) {
  const held = [];
  const claims = [];
  for (let each = 0; each < calls; each += 1) {
    const began = clock();
    const job = claim();
    claims.push(clock() - began);
    if (!job) throw new Error("the queue ran dry");
    held.push(job);
  }
  return [held, claims];
}

const orders = {
  open({ place, durability }) {
    database = new Database(place, { timeout: 30000 });
    connection = better(database);
    queue = defineQueue({ connection, logger: quiet });
    database.pragma("busy_timeout = 30000");
    const synchronous = durability === "full" ? "FULL" : "NORMAL";
    database.pragma(`synchronous = ${synchronous}`);
    const sqlite = database.prepare("SELECT sqlite_version() AS version").get().version;
    const version = (name) =>
      JSON.parse(fs.readFileSync(path.join("node_modules", name, "package.json"), "utf8")).version;
    return {
      settings: `its own WAL; busy_timeout 30 s, synchronous ${synchronous} on its connection`,
      version:
        `plainjob ${version("plainjob")}, better-sqlite3 ${version("better-sqlite3")}, ` +
        `SQLite ${sqlite}, node ${process.versions.node}`,
    };
  },
  fill({ first, count, budget_s: budget }) {
    const began = clock();
    let filled = 0;
    while (filled < count && (clock() - began) / 1e9 < budget) {
      const size = Math.min(1000, count - filled);
      queue.addMany(TYPE, Array.from({ length: size }, (_, each) => payload(first + filled + each)));
      filled += size;
    }
    return filled;
  },
  verbs({ first, calls }) {
    const payloads = Array.from({ length: calls }, (_, each) => payload(first + each));
    const put = timed(payloads, (each) => queue.add(TYPE, each));
    const [held, claims] = claimTimed(calls);
    const completions = timed(held, complete);
    return { put: base64(put), claim: base64(claims), complete: base64(completions) };
  },
  lifecycles({ first, calls }) {
    const payloads = Array.from({ length: calls }, (_, each) => payload(first + each));
    return base64(
      timed(payloads, (each) => {
        queue.add(TYPE, each);
        complete(claim());
      }),
    );
  },
  batches({ first, calls, size }) {
    const batches = Array.from({ length: calls }, (_, batch) =>
      Array.from({ length: size }, (__, each) => payload(first + batch * size + each)),
    );
    const lifecycles = timed(batches, (batch) => {
      queue.addMany(TYPE, batch);
      const held = connection.transaction(() => batch.map(() => claim()))();
      connection.transaction(() => held.forEach(complete))();
    });
    return base64(lifecycles.map((each) => each / size));
  },
  work_until({ start_at: startAt, seconds }) {
    const latencies = [];
    const tasks = [];
    while (Date.now() / 1000 < startAt) rest(0.2);
    const start = clock();
    const ends = start + seconds * 1e9;
    let errors = 0;
    let error = "";
    for (let began = clock(); began < ends && errors < 100; began = clock()) {
      try {
        const job = claim();
        if (!job) break;
        const accepted = complete(job);
        latencies.push(clock() - began);
        if (accepted) tasks.push(numberOf(job));
      } catch (failure) {
        errors += 1;
        error = String(failure);
      }
    }
    const elapsed = (clock() - start) / 1e9;
    return { latencies: base64(latencies), tasks: base64(tasks), elapsed_s: elapsed, errors, error };
  },
  work({ log, work_s: work, idle_s: idle, limit_s: limit, alone }) {
    const file = fs.openSync(log, "a");
    const ends = clock() + limit * 1e9;
    let since = clock();
    let swept = 0;
    while (clock() < ends) {
      if (alone && clock() - swept > 0.25e9) {
        queue.requeueTimedOutJobs(0);
        swept = clock();
      }
      let job;
      try {
        job = claim();
        if (job) {
          since = clock();
          fs.writeSync(file, `W ${numberOf(job)}\n`);
          rest(work * 1000);
          if (complete(job)) fs.writeSync(file, `C ${numberOf(job)}\n`);
        }
      } catch (failure) {
        fs.writeSync(file, `E ${String(failure).slice(0, 200).replaceAll("\n", " ")}\n`);
      }
      if (!job) {
        if (clock() - since > idle * 1e9) break;
        rest(20);
      }
    }
    fs.closeSync(file);
    return false;
  },
  completed() {
    const rows = database.prepare("SELECT data FROM plainjob_jobs WHERE status = ?").all(DONE);
    return rows.map(numberOf);
  },
  close() {
    if (queue) queue.close();
    queue = undefined;
    return null;
  },
};

process.on("SIGINT", () => {}); // Ctrl-C reaches the whole group; the process that orders decides
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { do: verb, ...order } = JSON.parse(line);
  let answer;
  try {
    answer = { ok: orders[verb](order) };
  } catch (error) {
    answer = { error: String(error.stack ?? error) };
  }
  fs.writeSync(1, `${JSON.stringify(answer)}\n`);
}
process.exit(0);
