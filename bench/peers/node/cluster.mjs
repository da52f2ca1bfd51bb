// Members of several processes of ws.mjs, on Redis, by hand.
//
// A hash per room maps users to processes; changes are also published. Each process renews a key
// with a TTL. If the key is missing twice in a row, the other processes remove the users of that
// process. After a reconnect everything is read again.
import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";

const BEAT = 2_000;
const LEASE = 8;

export class Cluster {
  node = randomBytes(8).toString("hex");
  rooms = new Map(); // room -> Map of user -> node
  readyAt = 0; // when this process reached the store again
  breaks = 0; // how often the connection was lost
  others = new Map(); // node -> how often in a row its key was missing

  constructor(url, { joined, left }) {
    this.joined = joined;
    this.left = left;
    this.redis = new Redis(url, { enableAutoPipelining: true, maxRetriesPerRequest: null });
    // The ready check of ioredis sends INFO, which fails once the connection is in subscriber mode.
    this.ear = this.redis.duplicate({ enableReadyCheck: false });
    for (const client of [this.redis, this.ear]) client.on("error", () => {});
    this.ear.on("message", (_, text) => {
      const [room, user, node, came] = JSON.parse(text);
      if (node !== this.node) this.told(room, user, node, came);
    });
    this.ear.on("ready", () => this.ear.subscribe("presence").then(() => this.read()).catch(() => {}));
    setInterval(() => this.beat().catch(() => {}), BEAT);
    this.redis.on("reconnecting", () => {
      this.readyAt = Infinity;
      this.breaks += 1;
    });
    this.redis.on("ready", () => {
      if (this.readyAt) this.readyAt = Date.now();
      this.beat().catch(() => {});
    });
  }

  room(name) {
    let room = this.rooms.get(name);
    if (!room) this.rooms.set(name, (room = new Map()));
    return room;
  }

  enter(name, user) {
    if (this.room(name).get(user) === this.node) return;
    this.room(name).set(user, this.node);
    this.say(name, user, true);
  }

  /** Returns whether the user was connected to this process. */
  leave(name, user) {
    if (this.room(name).get(user) !== this.node) return false;
    this.room(name).delete(user);
    this.say(name, user, false);
    return true;
  }

  say(name, user, came) {
    if (came) this.redis.hset(`room:${name}`, user, this.node).catch(() => {});
    else this.redis.hdel(`room:${name}`, user).catch(() => {});
    this.redis.publish("presence", JSON.stringify([name, user, this.node, came])).catch(() => {});
  }

  told(name, user, node, came) {
    const room = this.room(name);
    if (came) {
      room.set(user, node);
      if (!this.others.has(node)) this.others.set(node, 0);
      this.joined(name, user);
    } else if (room.get(user) === node) {
      room.delete(user);
      this.left(name, user);
    }
  }

  /** Announces the users of this process, and reads those of the other ones. */
  async read() {
    await this.beat();
    for (const [name, room] of this.rooms) {
      for (const [user, node] of room) if (node === this.node) this.say(name, user, true);
    }
    await this.each((name, users) => {
      for (const [user, node] of Object.entries(users)) if (node !== this.node) this.told(name, user, node, true);
    });
    // Removes users who left during the interruption, once others have written to an empty store.
    const breaks = this.breaks;
    setTimeout(() => this.forget(breaks).catch(() => {}), LEASE * 1000);
  }

  async forget(breaks) {
    const stored = new Map();
    await this.each((name, users) => stored.set(name, users));
    // Read from a store that was away meanwhile: it may be empty. The next `read` does it again.
    if (breaks !== this.breaks) return;
    for (const [name, room] of this.rooms) {
      for (const [user, node] of [...room]) {
        if (node !== this.node && !(user in (stored.get(name) ?? {}))) this.told(name, user, node, false);
      }
    }
  }

  async each(tell) {
    let cursor = "0";
    do {
      const [next, keys] = await this.redis.scan(cursor, "MATCH", "room:*", "COUNT", 1000);
      const told = await Promise.all(keys.map((key) => this.redis.hgetall(key)));
      keys.forEach((key, i) => tell(key.slice(5), told[i]));
      cursor = next;
    } while (cursor !== "0");
  }

  async beat() {
    await this.redis.set(`node:${this.node}`, "", "EX", LEASE);
    // After an outage the others get as long as a lease to write their keys again.
    if (Date.now() - this.readyAt < LEASE * 1000) return;
    for (const [node, missed] of this.others) {
      const there = await this.redis.exists(`node:${node}`);
      this.others.set(node, there ? 0 : missed + 1);
      if (!there && missed > 0) this.gone(node);
    }
  }

  gone(node) {
    this.others.delete(node);
    for (const [name, room] of this.rooms) {
      for (const [user, at] of [...room]) {
        if (at !== node) continue;
        this.told(name, user, node, false);
        this.redis.hdel(`room:${name}`, user).catch(() => {});
      }
    }
  }
}
