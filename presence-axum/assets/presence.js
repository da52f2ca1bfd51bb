// @ts-check
/**
 * presence.js: tells a presence server that this tab is here, and shows who else is.
 *
 *   <script src="/presence.js"></script>            or, in a module:  import '/presence.js';
 *   <script>
 *     const presence = new Presence({ user: 'ada', topics: ['lobby'] });
 *     presence.watch({ topic: 'lobby' }, ({ users, stale }) => console.log([...users.keys()], stale));
 *   </script>
 *
 * One classic script: it exports nothing and sets `globalThis.Presence`, so both ways of loading it work.
 * No dependency, no build step. Types stand in the comments (`tsc --checkJs --strict` accepts the file).
 */
(() => {
  'use strict';

  /**
   * What one hit says: the body of `POST /v1/hit`, unless `encode` makes another of it.
   * @typedef {object} Beat
   * @property {'enter'|'beat'|'leave'} kind
   * @property {string} user
   * @property {string} session
   * @property {string[]} [topics]     where the tab is; every enter and beat says it, so that a server that lost it has it again
   * @property {number} [idle_ms]      since the user last did something
   * @property {Status} [status]       on enter and when it changed
   * @property {string} [message]
   * @property {object} [meta]         on enter
   * @property {boolean} [now]         leave only: without the server's grace
   * @property {number} [placed_at]    leave only: which enter it ends
   */
  /** @typedef {'online'|'away'|'busy'|'offline'} Status */
  /** @typedef {'entering'|'here'|'degraded'|'retrying'|'refused'|'left'} State what became of the last hit */
  /**
   * @typedef {object} Options
   * @property {string|number} [user]      who; default: a random id kept in localStorage
   * @property {string} [session]          which tab; default: a random id that survives a reload
   * @property {string} [base]             where the routes are mounted; default: '' (the root of this origin)
   * @property {string[]} [topics]         where the tab is
   * @property {object} [meta]             small JSON shown with the user
   * @property {number} [beatEvery]        ms between beats, ± 20 %; default: two fifths of the server's lease, 25 000 as long as it has not
   *                                       told that
   * @property {number} [activeFor]        ms, the server's active window; default: what it tells, 300 000 as long as it has not. Activity is
   *                                       told at once when the last one told is a quarter of it old
   * @property {boolean} [start]           enter at once; default true
   * @property {(beat: Beat) => object|null} [encode]    another body for the hit; null for a leave sends none
   * @property {() => Record<string, string>|Promise<Record<string, string>>} [headers]    for every hit, such as a token
   * @property {RequestCredentials} [credentials]        as for fetch; default 'same-origin'
   * @property {(state: State, detail: string) => void} [onState]    after each hit, with the server's word for an error
   */
  /** @typedef {{ liveness: 'active'|'idle', status: Status, message: string|null, meta?: any }} Person */
  /**
   * What a watcher is called with: the state it now stands at, and what this call changed.
   * @typedef {object} Update
   * @property {'connecting'|'open'|'paused'} connection
   * @property {boolean} stale             not connected, or the server itself cannot see: do not trust absences
   * @property {ReadonlyMap<string, Person>} users    everybody in the scope (mode 'diff'): to read, it changes in place
   * @property {{ online: number, active: number, idle: number }} counts
   * @property {string[]} joined           mode 'diff', as the next two
   * @property {string[]} changed
   * @property {{ user: string, reason: 'left'|'lapsed'|'unseen', was: Person }[]} left    'unseen': went while we were not connected
   * @property {any} data                  the event as it came; null when only the connection changed
   */
  /**
   * @typedef {object} WatchOptions
   * @property {string} [topic]            default: everyone
   * @property {'diff'|'snapshot'} [mode]  default 'diff'
   * @property {string} [url]              another stream of JSON events; each comes as `data`
   * @property {'pause'|'stream'} [whenHidden]    default 'pause': a browser opens at most six HTTP/1.1 connections per host, all tabs
   *                                       together, and a tab nobody sees should not hold one
   */

  const RETRY_AT_MOST = 30_000;
  const REFUSED_AT_MOST = 300_000;
  const HIT_TIMEOUT = 10_000;
  const SESSION_KEPT_FOR = 60_000;
  const PAUSE_AFTER = 10_000;
  /** Not `scroll`: scripts scroll too. A person's scrolling is a wheel, a touch, a key or a pointer on the bar. */
  const ACTIVITY = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart', 'touchmove', 'focus'];

  /** @param {number} ms */
  const jitter = (ms) => ms * (0.8 + 0.4 * Math.random());

  /**
   * Doubles; up to half is taken off, so that a crowd does not come back in step.
   * @param {number} failures @param {number} [first] @param {number} [most]
   */
  const backoff = (failures, first = 1000, most = RETRY_AT_MOST) =>
    Math.min(most, first * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);

  /** Not `crypto.randomUUID`: that is missing on plain http. */
  const randomId = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, '0')).join('');

  /**
   * Reads, writes or (null) removes. Storage throws where the browser forbids it; then nothing is kept.
   * @param {'localStorage'|'sessionStorage'} area @param {string} key @param {string|null} [value] @returns {string|null}
   */
  function storage(area, key, value) {
    try {
      if (value === null) window[area].removeItem(key);
      else if (value !== undefined) window[area].setItem(key, value);
      return window[area].getItem(key);
    } catch { return null; }
  }

  let anonymous = ''; // for this page, where storage keeps nothing
  const anonymousUser = () => {
    anonymous ||= storage('localStorage', 'presence.user') || randomId();
    return storage('localStorage', 'presence.user', anonymous) ?? anonymous;
  };

  /**
   * The tab's session id is in sessionStorage only while no page uses it: a page takes it out when it starts and puts it back when it is
   * hidden for good (reload, navigation). A duplicated tab copies a storage without the id and so gets its own. This needs no answer from
   * other tabs, and unlike a lock it works on plain http and keeps the page fit for the back/forward cache.
   */
  function takeSession() {
    const [at, id] = (storage('sessionStorage', 'presence.session') || '').split(' ');
    storage('sessionStorage', 'presence.session', null);
    return id && Math.abs(Date.now() - Number(at)) < SESSION_KEPT_FOR ? id : randomId();
  }
  /** @param {string} id */
  const putSessionBack = (id) => storage('sessionStorage', 'presence.session', `${Date.now()} ${id}`);

  /**
   * An alarm that also rings on time in a hidden tab. Browsers slow the timers of a tab hidden for some minutes to one a minute, longer
   * than some leases, but not those of a worker. Where a policy forbids the worker, the page's own timer still rings.
   */
  class Alarm {
    /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;
    /** @type {Worker|null} */ #worker = null;
    #dueAt = Infinity;
    #ring;

    /** @param {() => void} ring */
    constructor(ring) {
      this.#ring = () => {
        if (Date.now() < this.#dueAt - 20) return;
        this.clear();
        ring();
      };
    }

    /** @param {number} ms */
    set(ms) {
      clearTimeout(this.#timer);
      this.#dueAt = Date.now() + ms;
      this.#timer = setTimeout(() => { this.#dueAt = 0; this.#ring(); }, ms);
      this.#worker?.postMessage(ms);
    }

    clear() {
      clearTimeout(this.#timer);
      this.#dueAt = Infinity;
    }

    /** @param {boolean} hidden */
    setHidden(hidden) {
      if (!hidden) {
        this.#worker?.terminate();
        this.#worker = null;
      } else if (!this.#worker) {
        try {
          const url = URL.createObjectURL(new Blob(
            ['let t; onmessage = (e) => { clearTimeout(t); t = setTimeout(() => postMessage(0), e.data); }'], { type: 'text/javascript' }));
          this.#worker = new Worker(url);
          URL.revokeObjectURL(url);
          this.#worker.onmessage = this.#ring;
          this.#worker.onerror = (event) => event.preventDefault();
          if (this.#dueAt < Infinity) this.#worker.postMessage(Math.max(0, this.#dueAt - Date.now()));
        } catch { /* the page's own timer it is */ }
      }
    }
  }

  /** One watched stream: an EventSource that comes back by itself, and the state its events add up to. */
  class Stream {
    /** @type {EventSource|null} */ #source = null;
    /** @type {ReturnType<typeof setTimeout>|undefined} */ #timer;
    /** @type {Map<string, Person>} */ #users = new Map();
    /** @type {string|null} */ #version = null;
    /** @type {Update['connection']} */ #connection = 'connecting';
    #counts = { online: 0, active: 0, idle: 0 };
    #serverStale = false;
    #failures = 0;
    #wasOpen = false;
    #url; #withCredentials; #callback; #back;

    /**
     * @param {string} url @param {boolean} withCredentials @param {(update: Update) => void} callback
     * @param {() => void} back called when it is open again
     */
    constructor(url, withCredentials, callback, back) {
      this.#url = url;
      this.#withCredentials = withCredentials;
      this.#callback = callback;
      this.#back = back;
    }

    /** Opens, or opens anew: after a change of network the old connection may be dead without the browser knowing. */
    open() {
      this.close();
      if (this.#connection !== 'connecting') this.#report({}, 'connecting');
      const resume = this.#version ? `${this.#url.includes('?') ? '&' : '?'}last_event_id=${encodeURIComponent(this.#version)}` : '';
      const source = new EventSource(this.#url + resume, { withCredentials: this.#withCredentials });
      this.#source = source;
      // A watcher that resumes may hear nothing new; any other gets its first event at once, and until then has nothing to show.
      source.onopen = () => { if (this.#version) this.#report({}, 'open'); };
      source.onerror = () => {
        // CONNECTING: the browser tries again by itself, when the server's `retry:` says. CLOSED: it has given up.
        if (source.readyState === EventSource.CLOSED) this.#failed();
        else this.#report({}, 'connecting');
      };
      source.onmessage = (event) => this.#take(event, (data) => {
        if (typeof data.online === 'number') this.#counts = { online: data.online, active: data.active, idle: data.idle };
        return {};
      });
      source.addEventListener('presence_state', (event) => this.#take(event, (data) => this.#replace(data)));
      source.addEventListener('presence_diff', (event) => this.#take(event, (data) => this.#apply(data)));
      source.addEventListener('presence_view', (event) => this.#take(event, () => ({})));
    }

    pause() {
      this.close();
      this.#report({}, 'paused');
    }

    close() {
      clearTimeout(this.#timer);
      this.#source?.close();
      this.#source = null;
    }

    get connection() { return this.#connection; }

    #failed() {
      this.close();
      this.#timer = setTimeout(() => this.open(), backoff(++this.#failures));
      this.#report({}, 'connecting');
    }

    /** @param {MessageEvent} event @param {(data: any) => Partial<Update>|null} use */
    #take(event, use) {
      let data, change = null;
      try {
        data = JSON.parse(event.data);
        change = use(data);
      } catch { /* as below */ }
      if (!change) {
        this.#version = null; // not what follows from what we hold: ask for the whole state
        return this.#failed();
      }
      this.#failures = 0;
      if (data.view) this.#serverStale = data.view === 'stale';
      this.#report({ ...change, data }, 'open');
    }

    /** @param {any} data a whole state */
    #replace(data) {
      const [before, first] = [this.#users, this.#version === null && this.#users.size === 0];
      this.#users = new Map(Object.entries(data.users));
      this.#version = data.version;
      this.#counts = { online: 0, active: 0, idle: 0 };
      for (const person of this.#users.values()) this.#count(person, 1);
      return {
        joined: first ? [] : [...this.#users.keys()].filter((user) => !before.has(user)),
        left: [...before].filter(([user]) => !this.#users.has(user)).map(([user, was]) => ({ user, reason: /** @type {const} */ ('unseen'), was })),
      };
    }

    /** @param {any} data what changed since the version we must be at */
    #apply(data) {
      if (data.from !== this.#version) return null;
      const { joined = {}, changed = {}, left = {} } = data;
      /** @type {Update['left']} */ const gone = [];
      for (const [user, { reason }] of Object.entries(left)) {
        const was = this.#users.get(user);
        if (!was) continue;
        this.#count(was, -1);
        this.#users.delete(user);
        gone.push({ user, reason, was });
      }
      for (const [user, person] of [...Object.entries(joined), ...Object.entries(changed)]) {
        const was = this.#users.get(user);
        if (was) this.#count(was, -1);
        this.#count(person, 1);
        this.#users.set(user, person);
      }
      this.#version = data.version;
      return { joined: Object.keys(joined), changed: Object.keys(changed), left: gone };
    }

    /** @param {Person} person @param {1|-1} by */
    #count(person, by) {
      this.#counts.online += by;
      this.#counts[person.liveness === 'active' ? 'active' : 'idle'] += by;
    }

    /** @param {Partial<Update>} change @param {Update['connection']} connection */
    #report(change, connection) {
      const back = connection === 'open' && this.#connection !== 'open' && this.#wasOpen;
      this.#connection = connection;
      this.#wasOpen ||= connection === 'open';
      if (back) this.#back();
      this.#callback({
        connection, stale: this.#serverStale || connection !== 'open', users: this.#users, counts: { ...this.#counts },
        joined: [], changed: [], left: [], data: null, ...change,
      });
    }
  }

  /** This tab's presence: enters when made (and when the browser brings the page back), beats, and leaves when the page goes. */
  class Presence {
    /**
     * The hit body of the `active-idle` service, which knows neither sessions nor leaving: `new Presence({ encode: Presence.activeIdle })`.
     * @param {Beat} beat
     */
    static activeIdle(beat) {
      const last_activity = Math.floor((Date.now() - (beat.idle_ms ?? 0)) / 1000);
      return beat.kind === 'leave' ? null : { uid: beat.user, last_activity };
    }

    #options; #user; #session; #topics;
    /** @type {string[]|null} */ #topicsTold = null;
    /** @type {{ status: Status, message?: string }|null} */ #declared = null;
    /** @type {object|null} */ #declaredTold = null;
    /** @type {number|undefined} */ #placedAt;
    /** @type {State} */ #state = 'left';
    /** @type {AbortController|null} */ #inFlight = null;
    /** @type {Record<string, string>} */ #headers = {};
    /** @type {Map<Stream, boolean>} with whether it goes on while hidden */ #streams = new Map();
    /** @type {ReturnType<typeof setTimeout>|undefined} */ #pausing;
    #listeners = new AbortController();
    #alarm = new Alarm(() => this.#send());
    #wanted = false; // the host wants us here
    #live = false; // wanted, and the page is not in the back/forward cache
    #entered = false;
    #again = false;
    #failures = 0;
    #sentAt = 0;
    #activeAt = Date.now();
    #activeTold = 0;
    /** The server's windows in ms, as far as it has told them. */
    #windows = { active_for: 300_000, lease_for: 62_500 };

    /** @param {Options} [options] */
    constructor(options = {}) {
      this.#options = { ...options, base: options.base ?? '' };
      this.#user = String(options.user ?? anonymousUser());
      this.#session = options.session ?? takeSession();
      this.#topics = [...(options.topics ?? [])];
      const { signal } = this.#listeners;
      for (const name of ACTIVITY) window.addEventListener(name, () => this.#activity(), { passive: true, capture: true, signal });
      document.addEventListener('visibilitychange', () => this.#visibility(), { signal });
      window.addEventListener('pagehide', () => this.#pagehide(), { signal });
      window.addEventListener('pageshow', (event) => { if (event.persisted) this.#pageshow(); }, { signal });
      window.addEventListener('online', () => this.#online(), { signal });
      this.#alarm.setHidden(document.hidden);
      this.#wanted = options.start !== false;
      const start = () => { if (this.#wanted) this.enter(); };
      // A page that is only being prerendered has nobody in front of it. (Else: when the host's own lines have run.)
      if (/** @type {any} */ (document).prerendering) document.addEventListener('prerenderingchange', start, { once: true, signal });
      else queueMicrotask(start);
    }

    get user() { return this.#user; }
    get session() { return this.#session; }
    get topics() { return [...this.#topics]; }
    get state() { return this.#state; }

    /** Comes (back) after `leave()` or `start: false`. */
    enter() {
      if (this.#listeners.signal.aborted) return;
      this.#wanted = true;
      if (this.#live) return;
      [this.#live, this.#entered, this.#failures, this.#activeAt] = [true, false, 0, Date.now()];
      this.#say('entering');
      this.#send();
    }

    /** Goes, and stays away until `enter()`. `now`: without the grace that keeps a reload from flickering. @param {{ now?: boolean }} [how] */
    leave({ now = false } = {}) {
      this.#wanted = false;
      this.#goodbye(now);
    }

    /** Leaves, closes every watch and listens to nothing any more. */
    destroy() {
      this.leave();
      this.#listeners.abort();
      this.#alarm.setHidden(false);
      clearTimeout(this.#pausing);
      for (const stream of this.#streams.keys()) stream.close();
      this.#streams.clear();
    }

    /** @param {string[]} topics all topics the tab is in from now on */
    setTopics(topics) {
      this.#topics = [...topics];
      this.#soon();
    }

    /** @param {Status} status @param {string} [message] '' takes a message back; without it the message stays */
    setStatus(status, message) {
      this.#declared = { status, message: message ?? this.#declared?.message };
      this.#soon();
    }

    /** The same tab, somebody else from now on. @param {string|number} user */
    setUser(user) {
      if (String(user) === this.#user) return;
      const wanted = this.#wanted;
      this.leave({ now: true });
      this.#user = String(user);
      if (wanted) this.enter();
    }

    /**
     * Follows who is there. Goes on after `leave()`; ends with `close()` or `destroy()`.
     * @param {WatchOptions|undefined} options @param {(update: Update) => void} callback @returns {{ close(): void }}
     */
    watch({ topic, mode = 'diff', url, whenHidden = 'pause' } = {}, callback) {
      const query = topic === undefined ? '' : `?topic=${encodeURIComponent(topic)}`;
      const stream = new Stream(url ?? `${this.#options.base}/v1/sse/${mode}${query}`, this.#options.credentials === 'include', callback,
        () => this.#reachable());
      this.#streams.set(stream, whenHidden === 'stream');
      stream.open();
      this.#pauseOrResume();
      return { close: () => { this.#streams.delete(stream); stream.close(); } };
    }

    // ---- hits: at most one under way; what changes meanwhile goes with the next

    /** Sends as soon as may be: a burst of changes makes one hit, and a failing server is not hammered. */
    #soon() {
      if (!this.#live) return;
      if (this.#inFlight) this.#again = true;
      else this.#alarm.set(Math.max(0, this.#sentAt + (this.#failures ? 1000 : 100) - Date.now()));
    }

    async #send() {
      if (!this.#live || this.#inFlight) return;
      const controller = this.#inFlight = new AbortController();
      const timeout = setTimeout(() => controller.abort(), HIT_TIMEOUT);
      const [topics, declared, activeAt, placedBefore] = [this.#topics, this.#declared, this.#activeAt, this.#placedAt];
      const kind = this.#entered ? 'beat' : 'enter';
      const places = kind === 'enter' || topics !== this.#topicsTold;
      this.#again = false;
      this.#sentAt = Date.now();
      // Until the answer comes the newest placement is unknown; a leave then names none and ends whichever there is.
      if (places) this.#placedAt = undefined;
      /** @type {Beat} */
      const beat = { kind, user: this.#user, session: this.#session, topics, idle_ms: Math.max(0, this.#sentAt - activeAt) };
      if (declared && (kind === 'enter' || declared !== this.#declaredTold)) Object.assign(beat, declared);
      if (kind === 'enter' && this.#options.meta) beat.meta = this.#options.meta;
      let [status, wait, answer] = [0, 0, /** @type {any} */ ({})];
      try {
        this.#headers = await this.#options.headers?.() ?? {};
        const response = await fetch(this.#url, { ...this.#request(beat), signal: controller.signal });
        status = response.status;
        wait = 1000 * Number(response.headers.get('retry-after')) || 0;
        answer = await response.json() ?? {};
      } catch { /* `status` tells; 0: no answer */ }
      clearTimeout(timeout);
      if (this.#inFlight !== controller) return; // left meanwhile: this answer is about the past
      this.#inFlight = null;
      if (status >= 200 && status < 300) {
        const lost = !places && placedBefore !== undefined && answer.placed_at > placedBefore;
        // Placed anew although we did not move: the server had lost us, and with us what only an enter says. So we enter again.
        [this.#entered, this.#again] = [!lost, this.#again || lost];
        [this.#failures, this.#activeTold, this.#topicsTold, this.#declaredTold] = [0, activeAt, topics, declared];
        this.#placedAt = answer.placed_at;
        for (const name of /** @type {const} */ (['active_for', 'lease_for'])) if (answer[name] > 0) this.#windows[name] = answer[name];
        this.#alarm.set(jitter(this.#beatEvery));
        this.#say(answer.degraded ? 'degraded' : 'here', answer.error);
      } else {
        const refused = status >= 400 && status < 500 && ![408, 425, 429].includes(status);
        this.#failures += 1;
        // The same again would be refused again: the refused wait longer than a beat. `Retry-After` is kept, within reason.
        const delay = refused ? backoff(this.#failures, 2 * this.#beatEvery, REFUSED_AT_MOST) : backoff(this.#failures);
        this.#alarm.set(Math.max(delay, Math.min(jitter(wait), REFUSED_AT_MOST)));
        this.#say(refused ? 'refused' : 'retrying', answer?.error ?? (status ? `http ${status}` : 'no answer'));
      }
      if (this.#again) this.#soon();
    }

    get #beatEvery() { return this.#options.beatEvery ?? 0.4 * this.#windows.lease_for; }
    get #activeFor() { return this.#options.activeFor ?? this.#windows.active_for; }
    get #url() { return `${this.#options.base}/v1/hit`; }

    /** text/plain needs no CORS preflight, and is what a beacon sends. @param {Beat} beat @returns {RequestInit & { body: string }} */
    #request(beat) {
      const headers = { 'content-type': 'text/plain;charset=UTF-8', ...this.#headers };
      const body = JSON.stringify((this.#options.encode ?? ((it) => it))(beat));
      return { method: 'POST', body, headers, cache: 'no-store', credentials: this.#options.credentials ?? 'same-origin' };
    }

    /** @param {boolean} now */
    #goodbye(now) {
      if (!this.#live) return;
      this.#live = false;
      this.#alarm.clear();
      const inFlight = this.#inFlight;
      this.#inFlight = null;
      inFlight?.abort();
      /** @type {Beat} */
      const beat = { kind: 'leave', user: this.#user, session: this.#session };
      if (now) beat.now = true;
      if (this.#placedAt !== undefined) beat.placed_at = this.#placedAt;
      const request = this.#request(beat);
      // A beacon outlives the page but carries no headers.
      const beacon = Object.keys(this.#headers).length === 0 && request.body !== 'null' && navigator.sendBeacon?.(this.#url, request.body);
      if (!beacon && request.body !== 'null') fetch(this.#url, { ...request, keepalive: true }).catch(() => {});
      this.#say('left');
    }

    /** @param {State} state */
    #say(state, detail = '') {
      this.#state = state;
      this.#options.onState?.(state, detail);
    }

    // ---- what the browser tells

    #activity() {
      const since = Date.now() - this.#activeAt;
      if (document.hidden || (since >= 0 && since < 1000)) return;
      this.#activeAt = Date.now();
      if (this.#failures === 0 && this.#activeAt - this.#activeTold >= this.#activeFor / 4) this.#soon();
    }

    #visibility() {
      this.#alarm.setHidden(document.hidden);
      this.#pauseOrResume();
      if (document.hidden || Date.now() - this.#sentAt < 1000) return;
      this.#activeAt = Date.now();
      this.#soon();
    }

    /** A stream came back: what failed may get through now, and a server that was away may not know us any more. */
    #reachable() {
      if (this.#failures || Date.now() - this.#sentAt >= 1000) this.#soon();
    }

    #pauseOrResume() {
      clearTimeout(this.#pausing);
      if (document.hidden) {
        this.#pausing = setTimeout(() => this.#streams.forEach((goesOn, stream) => { if (!goesOn) stream.pause(); }), PAUSE_AFTER);
      } else {
        for (const stream of this.#streams.keys()) if (stream.connection === 'paused') stream.open();
      }
    }

    #online() {
      if (this.#failures) this.#soon();
      for (const stream of this.#streams.keys()) if (stream.connection !== 'paused') stream.open();
    }

    #pagehide() {
      this.#goodbye(false);
      if (!this.#options.session) putSessionBack(this.#session);
      clearTimeout(this.#pausing);
      this.#alarm.setHidden(false);
      for (const stream of this.#streams.keys()) stream.pause();
    }

    /** Out of the back/forward cache: the same page, its id ours again. */
    #pageshow() {
      if (!this.#options.session) storage('sessionStorage', 'presence.session', null);
      this.#visibility();
      if (this.#wanted) this.enter();
    }
  }

  /** @type {any} */ (globalThis).Presence = Presence;
})();
