// What both servers share: settings, the listener, and their end.

/** The URL of the store of several processes, or null. */
export const redis = process.env.REDIS || null;

/** The number of members up to which a room is told by name instead of in counts. */
export const large = Number(process.env.LARGE || 1000);

/** Listens on the port of the driver, prints the address, and ends the process with the driver. */
export function run(http, end) {
  http.listen({ port: Number(process.env.PORT || 0), host: "127.0.0.1", backlog: 4096 }, () => {
    console.log(`127.0.0.1:${http.address().port}`);
  });
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
  process.on("SIGTERM", () => end().then(() => process.exit(0)));
}
