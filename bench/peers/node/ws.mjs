// Presence on a bare ws server, by hand: what a careful team would write in a week.
//
// Compression is off (the default of ws), native add-ons are installed:
//   https://github.com/websockets/ws#opt-in-for-performance
// A frame is encoded once and sent to each member, as in
//   https://github.com/websockets/ws#server-broadcast
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { Cluster } from "./cluster.mjs";
import { large, redis, run } from "./process.mjs";

/** The interval in which changes of a room are collected into one frame, in ms. */
const BATCH = 100;
/** How long a user is kept after the connection was closed, so that a reload is not visible. */
const GRACE = 5_000;
/** The interval of counts. */
const COUNTS = 250;
/** The lease of a heartbeat over HTTP. */
const LEASE = 60_000;

const rooms = new Map();
const told = (came) => (room, user) => change(room, user, came);
const cluster = redis ? new Cluster(redis, { joined: told(true), left: told(false) }) : null;

class Room {
  users = new Map(); // user -> connections of this process; 0: grace period, or another process
  sockets = new Set();
  changes = new Map(); // user -> joined (true) or left (false) since the last frame
  state = null; // the encoded list, until it changes
  timer = null;

  tell(frame) {
    const bytes = Buffer.from(frame);
    for (const socket of this.sockets) socket.send(bytes, { binary: false });
  }

  changed(user, came) {
    this.state = null;
    this.changes.set(user, came);
    this.timer ??= setTimeout(() => this.flush(), 0);
  }

  flush() {
    this.timer = null;
    if (this.changes.size === 0) return;
    const isLarge = this.users.size > large;
    if (isLarge) this.tell(JSON.stringify({ type: "counts", online: this.users.size }));
    else {
      const of = (came) => [...this.changes].filter(([, did]) => did === came).map(([user]) => user);
      this.tell(JSON.stringify({ type: "diff", joined: of(true), left: of(false) }));
    }
    this.changes.clear();
    // The first change is sent at once, later ones together.
    this.timer = setTimeout(() => this.flush(), isLarge ? COUNTS : BATCH);
  }

  list() {
    return (this.state ??= Buffer.from(JSON.stringify({ type: "state", users: [...this.users.keys()] })));
  }
}

function of(name) {
  let room = rooms.get(name);
  if (!room) rooms.set(name, (room = new Room()));
  return room;
}

/** A user joined or left, here or on another process. */
function change(name, user, came) {
  const room = of(name);
  if (came === room.users.has(user)) return;
  if (came) room.users.set(user, 0);
  else room.users.delete(user);
  room.changed(user, came);
}

function enter(socket, user, name) {
  const room = of(name);
  Object.assign(socket, { user, room: name });
  if (!room.users.has(user)) room.changed(user, true);
  room.users.set(user, (room.users.get(user) ?? 0) + 1);
  cluster?.enter(name, user);
  const isLarge = room.users.size > large;
  socket.send(isLarge ? JSON.stringify({ type: "counts", online: room.users.size }) : room.list(), { binary: false });
  room.sockets.add(socket);
}

function leave(socket) {
  const { user, room: name } = socket;
  if (!user) return;
  const room = of(name);
  room.sockets.delete(socket);
  const left = (room.users.get(user) ?? 1) - 1;
  room.users.set(user, left);
  if (left > 0) return;
  setTimeout(() => {
    if (room.users.get(user) !== 0 || (cluster && !cluster.leave(name, user))) return;
    change(name, user, false);
    if (room.users.size === 0) rooms.delete(name);
  }, GRACE);
}

const frames = {
  enter: (socket, { user, room }) => enter(socket, user, room),
  say: (socket, { data }) => of(socket.room).tell(JSON.stringify({ type: "message", user: socket.user, data })),
  list: (socket, { room }) => socket.send(of(room).list(), { binary: false }),
  beat: (socket) => {
    socket.seen = Date.now();
  },
};

// Heartbeats over HTTP.
const hits = new Map();
setInterval(() => {
  for (const [user, at] of hits) if (at < Date.now() - LEASE) hits.delete(user);
}, 1000);
const http = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    try {
      const { user, fill } = JSON.parse(Buffer.concat(parts));
      // `fill` is of the driver: it enters members, ten per room, as if they had sockets here.
      for (let n = 0; n < (fill ?? 0); n += 1) cluster.enter(`room-${Math.floor(n / 10)}`, `member-${n}`);
      if (!fill) hits.set(user, Date.now());
      response.writeHead(200, { "content-type": "application/json", "content-length": 11 }).end('{"ok":true}');
    } catch {
      response.writeHead(400, { "content-length": 0 }).end();
    }
  });
});

// Longer than the interval of heartbeats: https://nodejs.org/api/http.html#serverkeepalivetimeout
http.keepAliveTimeout = 65_000;

const server = new WebSocketServer({ server: http, maxPayload: 64 * 1024 });
server.on("connection", (socket) => {
  socket.send('{"type":"hello"}');
  socket.on("message", (text) => {
    const frame = JSON.parse(text);
    frames[frame.type]?.(socket, frame);
  });
  socket.on("close", () => leave(socket));
  socket.on("error", () => {});
});

run(http, async () => {
  for (const socket of server.clients) socket.close(1012);
});
