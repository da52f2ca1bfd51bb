/** The socket of the mount, and what happens when it is not there. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { presenceIn } from '../src/presence.ts';
import { TabEnv, World } from './world.ts';

const ADA = { liveness: 'active', status: 'online', message: null, meta: null };
const HELLO = { type: 'hello', connection: 'c', user: null, name: null, idle_for: 60_000, active_for: 60_000, lease_for: 60_000 };

/** A page on a mount that has a socket. */
async function open(options: Parameters<typeof presenceIn>[1] = {}) {
  const env = new TabEnv(new World());
  env.server = (asked) => {
    if (asked.url.endsWith('/v1/hit')) asked.answer(200, { ok: true, placed_at: 1, active_for: 60_000, lease_for: 60_000, ws: true });
  };
  const presence = presenceIn(env, { user: 'ada', topics: ['lobby'], ...options });
  await env.world.settle();
  return { env, presence, world: env.world };
}

/** The same, with the socket open and the session entered over it. */
async function connected(options: Parameters<typeof presenceIn>[1] = {}) {
  const it = await open(options);
  const socket = it.env.sockets[0]!;
  socket.tell(HELLO);
  await it.world.pass(200);
  answer(socket);
  await it.world.settle();
  return { ...it, socket };
}

function answer(socket: TabEnv['sockets'][number]): void {
  for (const frame of socket.sent) if (frame.ref !== undefined) socket.tell({ type: frame.type === 'enter' ? 'entered' : 'ok', ref: frame.ref, user: 'ada' });
}

test('a hit in flight while a socket opens does not count as an enter over it', async () => {
  const { env, presence, world } = await open();
  const socket = env.sockets[0]!;
  let late = (): void => {};
  env.server = (asked) => (late = () => asked.answer(200, { ok: true, placed_at: 2, active_for: 60_000, lease_for: 60_000, ws: true }));
  presence.setStatus('busy');
  await world.pass(200);
  socket.tell(HELLO);
  late();
  await world.pass(300);
  assert.deepEqual([socket.of('enter').map(({ status }) => status), socket.of('beat').length], [['busy'], 0]);
});

test('a socket replaces hits and the stream', async () => {
  const { env, presence, world, socket } = await connected();
  let members: string[] = [];
  let count = 0;
  presence.watch({ topic: 'lobby' }, (view) => (members = [...view.members.keys()]));
  presence.watch({ counts: 'lobby' }, (view) => (count = view.counts.online));
  presence.watch({ counts: null }, () => {});
  await world.pass(500);
  const [enter] = socket.of('enter');
  assert.deepEqual([enter.user, enter.session, enter.topics], ['ada', presence.session, ['lobby']]);
  assert.deepEqual(socket.of('subscribe').flatMap(({ topics }) => topics).map(({ topic, counts }: any) => [topic, counts ?? false]), [
    ['lobby', false],
    [null, true],
  ]);
  assert.equal(env.openStreams.length, 0);
  socket.tell({ type: 'presence_state', topic: 'lobby', version: '1', view: 'fresh', users: { ada: ADA, grace: ADA } });
  assert.deepEqual([members, count], [['ada', 'grace'], 2]);
  const hits = env.hits.length;
  presence.setStatus('busy');
  await world.pass(300);
  assert.deepEqual([socket.of('beat').at(-1).status, env.hits.length], ['busy', hits]);
  answer(socket);
  await world.settle();
  assert.equal(presence.self.getSnapshot().state, 'live');
});

test('a lost socket is replaced by hits within two seconds, and later by a socket that resumes', async () => {
  const { env, presence, world, socket } = await connected();
  let state = '';
  presence.watch({ topic: 'lobby' }, (view) => (state = view.stale ? 'stale' : view.state));
  await world.pass(500);
  socket.tell({ type: 'presence_state', topic: 'lobby', version: '7', view: 'fresh', users: {} });
  assert.equal(state, 'live');
  const hits = env.hits.length;
  socket.drop();
  assert.equal(state, 'stale');
  await world.pass(2_100);
  assert.equal(env.hits[hits]!.body.kind, 'enter', 'the session goes on by HTTP');
  const again = env.sockets[1]!;
  again.tell(HELLO);
  await world.pass(300);
  assert.equal(again.of('subscribe')[0].topics[0].version, '7');
  assert.equal(again.of('enter')[0].session, presence.session);
});

test('a server that shuts down sends the time to reconnect', async () => {
  const { env, world, socket } = await connected();
  socket.tell({ type: 'reconnect', in: 6_000 });
  socket.drop(1012);
  await world.pass(5_900);
  assert.equal(env.sockets.length, 1);
  await world.pass(200);
  assert.equal(env.sockets.length, 2);
});

test('a frame without a response means a dead connection: the hit goes by HTTP', async () => {
  const { env, presence, world, socket } = await connected();
  const hits = env.hits.length;
  presence.setTopics(['library']);
  await world.pass(8_500);
  assert.ok(socket.closed !== null);
  await world.pass(2_000);
  assert.deepEqual(env.hits[hits]!.body.topics, ['library']);
});

test('if sockets fail a stream is used, and attempts end', async () => {
  const { env, presence, world } = await open();
  presence.watch({ topic: 'lobby' }, () => {});
  for (let i = 0; i < 10; i += 1) {
    env.sockets.at(-1)!.drop();
    await world.pass(10_000);
  }
  assert.equal(env.sockets.length, 2);
  assert.equal(env.streams.length >= 1, true);
  assert.equal(presence.self.getSnapshot().here, true);
});

test('an open socket gets the newest token', async () => {
  let asked = 0;
  const token = (): string => {
    const from = 1_710_000_002 + 80 * asked;
    return `h.${btoa(JSON.stringify({ iat: from, exp: from + 100, n: (asked += 1) }))}.s`;
  };
  const { env, world, socket } = await connected({ token });
  assert.equal(socket.protocols[0], 'bearer');
  socket.answers = true;
  await world.pass(82_000);
  assert.equal(asked, 2);
  assert.notEqual(socket.of('auth')[0].token, socket.protocols[1]);
  assert.equal(env.sockets.length, 1);
});

test('another user gets another socket; the leave of the former is sent all the same', async () => {
  const { env, presence, world, socket } = await connected();
  const result = presence.setUser('bob');
  assert.deepEqual(socket.of('leave').map(({ now }) => now), [true]);
  await world.pass(2_500);
  assert.notEqual(socket.closed, null);
  assert.equal(env.hits.filter(({ body }) => body.kind === 'leave').at(-1)!.body.user, 'ada');
  assert.equal(await result, 'confirmed');
  env.sockets[1]!.tell(HELLO);
  await world.pass(300);
  assert.equal(env.sockets[1]!.of('enter')[0].user, 'bob');
});

test('a hidden page keeps its socket without subscriptions; a page that is closed sends a leave', async () => {
  const { env, presence, world, socket } = await connected();
  presence.watch({ topic: 'lobby' }, () => {});
  await world.pass(300);
  socket.tell({ type: 'presence_state', topic: 'lobby', version: '3', view: 'fresh', users: {} });
  env.hide();
  await world.pass(11_000);
  assert.deepEqual(socket.of('unsubscribe')[0].topics, ['lobby']);
  assert.equal(socket.closed, null);
  env.show();
  await world.pass(300);
  assert.equal(socket.of('subscribe').at(-1).topics[0].version, '3');
  env.tell('gone');
  assert.deepEqual([socket.of('leave').length, socket.closed, env.lastWords.length], [1, 1000, 0]);
});

test('typing is sent rarely, that of others is received, and an invalid frame causes a resync', async () => {
  const { env, presence, world, socket } = await connected();
  const heard: string[] = [];
  presence.on('typing', ({ topic, user, typing }) => heard.push(`${topic} ${user} ${typing}`));
  presence.watch({ topic: 'lobby' }, () => {});
  await world.pass(300);
  assert.equal(socket.of('subscribe').at(-1).topics[0].messages, true);
  for (let i = 0; i < 10; i += 1) presence.typing('lobby');
  presence.typing('lobby', false);
  assert.deepEqual(socket.of('typing').map(({ value }) => value), [true, false]);
  socket.tell({ type: 'typing', topic: 'lobby', user: 'grace', value: true });
  socket.tell({ type: 'typing', topic: 'lobby', user: 'grace', value: null });
  assert.deepEqual(heard, ['lobby grace true', 'lobby grace false']);
  socket.tell({ type: 'of_tomorrow', what: 1 });
  socket.tell({ type: 'presence_diff', topic: 'lobby', from: '5', version: '6' });
  while (env.sockets.length === 1) await world.pass(100);
  env.sockets[1]!.tell(HELLO);
  await world.pass(300);
  assert.equal(env.sockets[1]!.of('subscribe')[0].topics[0].version, undefined);
});

test('a socket that failed is tried again when heartbeats succeed again', async () => {
  const { env, world } = await open();
  env.server = (asked) => asked.fail();
  await world.pass(60_000);
  const tried = env.sockets.length;
  assert.ok(tried >= 2);
  env.server = (asked) => {
    if (asked.url.endsWith('/v1/hit')) asked.answer(200, { ok: true, placed_at: 1, active_for: 60_000, lease_for: 60_000, ws: true });
  };
  await world.pass(60_000);
  assert.ok(env.sockets.length > tried);
});

test('a subscription that is refused for the moment is repeated, and one without the right is an error', async () => {
  const { presence, world, socket } = await connected();
  const errors: string[] = [];
  presence.on('error', ({ message }) => errors.push(message));
  presence.watch({ topic: 'lobby' }, () => {});
  presence.watch({ topic: 'vault' }, () => {});
  await world.pass(500);
  const asked = () => socket.of('subscribe').flatMap(({ topics }) => topics).map(({ topic }: any) => topic);
  assert.deepEqual(asked(), ['lobby', 'vault']);
  socket.tell({ type: 'error', code: 403, error: 'forbidden', topic: 'vault' });
  assert.deepEqual(errors, ['forbidden']);
  await world.pass(5_000);
  assert.deepEqual(asked(), ['lobby', 'vault']);
  socket.tell({ type: 'error', code: 429, error: 'too many requests', topic: 'lobby' });
  socket.tell({ type: 'error', code: 429, error: 'too many requests', topic: 'elsewhere' });
  await world.pass(9_900);
  assert.deepEqual(asked(), ['lobby', 'vault']);
  await world.pass(5_200);
  assert.deepEqual([asked().slice(0, 3), errors], [['lobby', 'vault', 'lobby'], ['forbidden']]);
});
