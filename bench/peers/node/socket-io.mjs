// Presence on socket.io 4, as its documentation does it.
//
// Users, "user connected" and "user disconnected":
//   https://socket.io/get-started/private-messaging-part-1/ and -part-2/ (a room for each user, so
//   that closing one of two tabs is no leave)
// WebSocket only, native add-ons of ws, no initial request kept:
//   https://socket.io/docs/v4/performance-tuning/ and https://socket.io/docs/v4/memory-usage/
// The sharded Redis adapter, "for new developments", on ioredis, which restores subscriptions:
//   https://socket.io/docs/v4/redis-adapter/
import { createServer } from "node:http";
import { createShardedAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { Server } from "socket.io";
import { redis, run } from "./process.mjs";

const http = createServer();
const options = { transports: ["websocket"] };
if (redis) {
  const publishes = new Redis(redis);
  const subscribes = publishes.duplicate();
  for (const client of [publishes, subscribes]) client.on("error", () => {});
  options.adapter = createShardedAdapter(publishes, subscribes);
}
const io = new Server(http, options);
// What an adapter cannot ask while its store is away is an error of the request, not of the server.
process.on("unhandledRejection", () => {});

io.engine.on("connection", (raw) => {
  raw.request = null;
});

/** Who is in a room. One process knows them; several have to ask each other. */
async function users(room) {
  if (redis) return [...new Set((await io.in(room).fetchSockets()).map((socket) => socket.data.user))];
  const here = new Set();
  for (const id of io.sockets.adapter.rooms.get(room) ?? []) here.add(io.sockets.sockets.get(id).data.user);
  return [...here];
}

io.on("connection", (socket) => {
  // `quietly` is the driver's: it fills a room before anything is measured.
  socket.on("enter", async (user, room, quietly) => {
    socket.data.user = user;
    socket.data.room = room;
    socket.join([user, room]);
    if (quietly) return;
    socket.emit("users", await users(room));
    socket.to(room).emit("user connected", user);
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
