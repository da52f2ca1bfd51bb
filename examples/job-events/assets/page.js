// Creates a job and follows it. The URL of the page contains the job, so that a reload continues
// with it.

import { createPresence } from "./page/presence.js";

const the = (name) => document.querySelector(`[data-testid="${name}"]`);
const JOBS = new URL("api/v1/jobs", location.href);
/** The pause before a stream that the browser has given up is opened again, in milliseconds. */
const AGAIN_AFTER = 3_000;
/** If a timer is this late, the machine was suspended, and the stream may be dead without an error. */
const ASLEEP_FOR = 20_000;
const WATCH_EVERY = 5_000;

let followed; // { id, source, lastEventId, finished, timer, presence }

const token = {
  get: () => sessionStorage.getItem("token") ?? "",
  set: (text) => (text ? sessionStorage.setItem("token", text) : sessionStorage.removeItem("token")),
};

const headers = () => (token.get() ? { authorization: `Bearer ${token.get()}` } : {});

function problem(text) {
  the("problem").textContent = text;
  the("problem").hidden = !text;
}

async function explain(answer) {
  const { error = answer.statusText, details = [] } = await answer.json().catch(() => ({}));
  const fields = details.map(({ field, message }) => `${field} ${message}`).join("; ");
  return fields ? `${error}: ${fields}` : error;
}

async function create(form) {
  const list = (name) => form.get(name).split(",").map((entry) => entry.trim()).filter(Boolean);
  token.set(form.get("token").trim());
  const answer = await fetch(JOBS, {
    method: "POST",
    headers: { ...headers(), "content-type": "application/json" },
    body: JSON.stringify({ topics: list("topics"), sources: list("sources") }),
  });
  if (!answer.ok) throw new Error(await explain(answer));
  const { jobId } = await answer.json();
  location.hash = new URLSearchParams({ job: jobId });
}

the("create").addEventListener("submit", async (event) => {
  event.preventDefault();
  the("submit").disabled = true;
  problem("");
  try {
    await create(new FormData(event.target));
  } catch (error) {
    problem(error.message);
  } finally {
    the("submit").disabled = false;
  }
});

function connection(text) {
  the("connection").textContent = text;
}

function show({ status, progress, stage, message }) {
  the("status").textContent = the("status").dataset.status = status;
  the("progress").value = progress;
  the("percent").textContent = `${Math.round(progress)} %`;
  the("message").textContent = message;
  const stages = the("stages");
  if (stage && stages.lastElementChild?.textContent !== stage) {
    stages.append(Object.assign(document.createElement("li"), { textContent: stage }));
  }
}

/** Opens the stream after the last received event, and replaces an earlier stream. */
function open(job) {
  clearTimeout(job.timer);
  job.source?.close();
  const url = new URL(`${JOBS}/${encodeURIComponent(job.id)}/events`);
  if (job.lastEventId) url.searchParams.set("lastEventId", job.lastEventId);
  if (token.get()) url.searchParams.set("token", token.get());
  connection("connecting");
  const source = (job.source = new EventSource(url));
  source.onopen = () => connection("live");
  source.onmessage = ({ data, lastEventId }) => {
    const update = JSON.parse(data);
    job.lastEventId = lastEventId;
    show(update);
    if (update.status === "completed" || update.status === "failed") {
      job.finished = true;
      source.close();
      job.presence.destroy();
      viewers("");
      connection("finished");
    }
  };
  source.onerror = () => {
    if (source.readyState === EventSource.CONNECTING) return connection("reconnecting");
    if (!job.finished) void givenUp(job);
  };
}

function viewers(text) {
  the("viewers").textContent = text;
}

/**
 * Shows the number of viewers of this job. It only watches and does not enter: the stream of the
 * job makes this page one of its viewers. Nothing is shown while the number may be outdated.
 */
function count(job) {
  const presence = createPresence({
    url: "page",
    user: null,
    autoEnter: false,
    ...(token.get() && { token: () => token.get() }),
  });
  presence.watch({ counts: `job:${job.id}` }, ({ counts, stale }) => {
    if (job === followed) viewers(stale || !counts.online ? "" : `· ${counts.online} watching`);
  });
  return presence;
}

/** The browser reconnects by itself, but not after a response that is not a stream. */
async function givenUp(job) {
  connection("reconnecting");
  const later = () => (job.timer = setTimeout(() => open(job), AGAIN_AFTER));
  try {
    const answer = await fetch(`${JOBS}/${encodeURIComponent(job.id)}`, { headers: headers() });
    if (job !== followed) return;
    if (answer.ok || answer.status >= 500 || answer.status === 429) return void later();
    job.presence.destroy();
    connection("not available");
    problem(await explain(answer));
  } catch {
    if (job === followed) later();
  }
}

function follow() {
  const id = new URLSearchParams(location.hash.slice(1)).get("job");
  if (followed) {
    clearTimeout(followed.timer);
    followed.source?.close();
    followed.presence?.destroy();
    viewers("");
  }
  followed = id ? { id } : undefined;
  the("job").hidden = !id;
  if (!id) return;
  problem("");
  the("id").textContent = id;
  the("link").href = location.href;
  the("stages").replaceChildren();
  show({ status: "waiting", progress: 0, stage: "", message: "" });
  open(followed);
  followed.presence = count(followed);
}

function again() {
  if (followed && !followed.finished) open(followed);
}

let seenAt = Date.now();
setInterval(() => {
  const now = Date.now();
  if (now - seenAt > WATCH_EVERY + ASLEEP_FOR) again();
  seenAt = now;
}, WATCH_EVERY);

addEventListener("hashchange", follow);
addEventListener("online", again);
addEventListener("pageshow", (event) => event.persisted && again());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && followed?.source?.readyState !== EventSource.OPEN) again();
});

the("token").value = token.get();
the("submit").disabled = false;
follow();
