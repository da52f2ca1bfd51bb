// What both servers have in common: where they listen, and when they end.

/** The store of several processes; nothing where there is one process. */
export const redis = process.env.REDIS || null;

/** How many members a room may have to be told by name; a larger one is told in counts. */
export const large = Number(process.env.LARGE || 1000);

/** Listens where the driver wants it, tells it the address, and ends with the driver. */
export function run(http, end) {
  http.listen({ port: Number(process.env.PORT || 0), host: "127.0.0.1", backlog: 4096 }, () => {
    console.log(`127.0.0.1:${http.address().port}`);
  });
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
  process.on("SIGTERM", () => end().then(() => process.exit(0)));
}
