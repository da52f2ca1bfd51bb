// Presence on socket.io 4, as in its documentation.
//
// The events "users", "user connected" and "user disconnected":
//   https://socket.io/get-started/private-messaging-part-1/ and -part-2/ (a room for each user, so
//   that closing one of two tabs is no leave)
// WebSocket only, native add-ons of ws, the initial request is discarded:
//   https://socket.io/docs/v4/performance-tuning/ and https://socket.io/docs/v4/memory-usage/
// The sharded Redis adapter (recommended for new developments) on ioredis (restores subscriptions):
//   https://socket.io/docs/v4/redis-adapter/
import { once } from "node:events";
import { createServer } from "node:http";
import { createShardedAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { Server } from "socket.io";
import { redis, run } from "./process.mjs";

const http = createServer();
const options = { transports: ["websocket"] };
if (redis) {
  const publishes = new Redis(redis);
  // The ready check of ioredis sends INFO, which fails once the connection is in subscriber mode.
  const subscribes = publishes.duplicate({ enableReadyCheck: false });
  for (const client of [publishes, subscribes]) client.on("error", () => {});
  await Promise.all([publishes, subscribes].map((client) => once(client, "ready")));
  options.adapter = createShardedAdapter(publishes, subscribes);
}
const io = new Server(http, options);
// A request to other processes that fails while Redis is down must not end this process.
process.on("unhandledRejection", () => {});

io.engine.on("connection", (raw) => {
  raw.request = null;
});

/** The users of a room. With several processes the adapter asks all of them. */
async function users(room) {
  if (redis) return [...new Set((await io.in(room).fetchSockets()).map((socket) => socket.data.user))];
  const here = new Set();
  for (const id of io.sockets.adapter.rooms.get(room) ?? []) here.add(io.sockets.sockets.get(id).data.user);
  return [...here];
}

io.on("connection", (socket) => {
  // `quietly` fills a room without notifying its members, before a measurement.
  socket.on("enter", async (user, room, quietly) => {
    socket.data.user = user;
    socket.data.room = room;
    socket.join([user, room]);
    if (quietly) return;
    socket.to(room).emit("user connected", user);
    socket.emit("users", await users(room));
  });
  socket.on("say", (data) => io.to(socket.data.room).emit("message", data));
  socket.on("list", async (room, answer) => answer(await users(room)));
  socket.on("beat", () => {
    socket.data.seen = Date.now();
  });
  socket.on("disconnect", async () => {
    const { user, room } = socket.data;
    if (!user) return;
    const elsewhere = redis ? (await io.in(user).fetchSockets()).length : io.sockets.adapter.rooms.has(user);
    if (!elsewhere) socket.to(room).emit("user disconnected", user);
  });
});

run(http, () => io.close());
