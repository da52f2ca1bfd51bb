/** Messages: stored once, heard once, whatever becomes of the socket. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { presenceIn } from '../src/presence.ts';
import type { Message, Published } from '../src/types.ts';
import { type FakeSocket, TabEnv, World } from './world.ts';

const HELLO = { type: 'hello', connection: 'c', user: null, name: null, idle_for: 60_000, active_for: 60_000, lease_for: 60_000 };

/** A page with a socket over which it has entered. */
async function connected() {
  const env = new TabEnv(new World());
  env.server = (asked) => {
    if (asked.url.endsWith('/v1/hit')) asked.answer(200, { ok: true, placed_at: 1, active_for: 60_000, lease_for: 60_000, ws: true });
  };
  const presence = presenceIn(env, { user: 'ada', topics: ['lobby'] });
  await env.world.settle();
  await greet(env, env.sockets[0]!);
  return { env, presence, world: env.world, socket: env.sockets[0]! };
}

async function greet(env: TabEnv, socket: FakeSocket): Promise<void> {
  socket.tell(HELLO);
  await env.world.pass(200);
  for (const { type, ref } of socket.sent) if (type === 'enter') socket.tell({ type: 'entered', ref, user: 'ada' });
  await env.world.settle();
}

/** What became of a message, once it is known. */
function outcome(published: Promise<Published>): { now?: Published } {
  const it: { now?: Published } = {};
  void published.then((now) => (it.now = now));
  return it;
}

const message = (id: string) => ({ type: 'message', topic: 'lobby', id, at: 1, user: 'grace', name: null, data: { text: id } });

test('a message is acknowledged with its id', async () => {
  const { presence, world, socket } = await connected();
  const published = outcome(presence.publish('lobby', { text: 'hi' }));
  await world.settle();
  const [frame] = socket.of('publish');
  assert.deepEqual([frame.topic, frame.data, published.now], ['lobby', { text: 'hi' }, undefined]);
  socket.tell({ type: 'published', ref: frame.ref, topic: 'lobby', id: 'm-1', repeated: false });
  await world.settle();
  assert.deepEqual(published.now, { id: 'm-1', error: null });
});

test('a message whose response was lost is sent again with its key, after the session has entered again', async () => {
  const { env, presence, world, socket } = await connected();
  const published = outcome(presence.publish('lobby', 1));
  await world.settle();
  const [{ key }] = socket.of('publish');
  socket.drop();
  while (env.sockets.length === 1) await world.pass(100);
  const next = env.sockets.at(-1)!;
  assert.notEqual(next, socket);
  next.tell(HELLO);
  await world.settle();
  assert.equal(next.of('publish').length, 0);
  await greet(env, next);
  const [again] = next.of('publish');
  assert.equal(again.key, key);
  next.tell({ type: 'published', ref: again.ref, topic: 'lobby', id: 'm-1', repeated: true });
  await world.settle();
  assert.deepEqual(published.now, { id: 'm-1', error: null });
});

test('a refused message reports the reason, and one that the server has no room for is sent again', async () => {
  const { presence, world, socket } = await connected();
  const [refused, busy] = [outcome(presence.publish('other', 1)), outcome(presence.publish('lobby', 2))];
  await world.settle();
  const [first, second] = socket.of('publish');
  socket.tell({ type: 'error', ref: first.ref, code: 403, error: 'not subscribed' });
  socket.tell({ type: 'error', ref: second.ref, code: 503, error: 'full' });
  await world.settle();
  assert.deepEqual(refused.now, { id: null, error: { code: 'refused', message: 'not subscribed' } });
  assert.equal(busy.now, undefined);
  await world.pass(6_000);
  const again = socket.of('publish').at(-1);
  assert.deepEqual([socket.of('publish').length, again.key], [3, second.key]);
  socket.tell({ type: 'published', ref: again.ref, topic: 'lobby', id: 'm-2', repeated: false });
  await world.settle();
  assert.deepEqual(busy.now, { id: 'm-2', error: null });
});

test('without a socket a message fails after half a minute, and at most 64 wait', async () => {
  const env = new TabEnv(new World());
  const presence = presenceIn(env, { user: 'ada', topics: ['lobby'], transport: 'http' });
  await env.world.settle();
  const waiting = Array.from({ length: 65 }, () => outcome(presence.publish('lobby', 1)));
  await env.world.settle();
  assert.deepEqual(waiting.filter(({ now }) => now).map(({ now }) => now!.error?.code), ['refused']);
  await env.world.pass(30_000);
  assert.deepEqual(new Set(waiting.slice(0, 64).map(({ now }) => now?.error?.code)), new Set(['network']));
});

test('messages are subscribed to while there is a listener, and resume after the last one on a new socket', async () => {
  const { env, presence, world, socket } = await connected();
  presence.watch({ topic: 'lobby' }, () => {});
  await world.pass(200);
  assert.equal(socket.of('subscribe').at(-1).topics[0].messages, false);
  const heard: Message[] = [];
  const missed: string[] = [];
  presence.on('message', (it) => heard.push(it));
  presence.on('missed', ({ reason }) => missed.push(reason));
  await world.pass(200);
  const [asked] = socket.of('subscribe').at(-1).topics;
  assert.deepEqual([asked.topic, asked.messages, asked.after], ['lobby', true, undefined]);
  socket.tell(message('m-1'));
  socket.tell(message('m-2'));
  assert.deepEqual(heard.map(({ id, data }) => [id, data]), [['m-1', { text: 'm-1' }], ['m-2', { text: 'm-2' }]]);
  socket.drop();
  while (env.sockets.length === 1) await world.pass(100);
  const next = env.sockets.at(-1)!;
  await greet(env, next);
  assert.equal(next.of('subscribe').at(-1).topics[0].after, 'm-2');
  next.tell({ type: 'missed', topic: 'lobby', reason: 'trimmed' });
  assert.deepEqual(missed, ['trimmed']);
});

test('a page that has received no message yet resumes where its subscription began', async () => {
  const { env, presence, world, socket } = await connected();
  presence.on('message', () => {});
  presence.watch({ topic: 'lobby' }, () => {});
  await world.pass(200);
  assert.equal(socket.of('subscribe').at(-1).topics[0].after, undefined);
  socket.tell({ type: 'position', topic: 'lobby', id: 'm-0' });
  socket.drop();
  while (env.sockets.length === 1) await world.pass(100);
  const next = env.sockets.at(-1)!;
  await greet(env, next);
  assert.equal(next.of('subscribe').at(-1).topics[0].after, 'm-0');
});

test('unsent messages of the former user are not sent as the next one', async () => {
  const env = new TabEnv(new World());
  env.server = (asked) => {
    if (asked.url.endsWith('/v1/hit')) asked.answer(200, { ok: true, placed_at: 1, active_for: 60_000, lease_for: 60_000, ws: true });
  };
  const presence = presenceIn(env, { user: 'ada', topics: ['lobby'] });
  const published = outcome(presence.publish('lobby', 'secret'));
  await env.world.settle();
  void presence.setUser('grace');
  await env.world.settle();
  assert.equal(published.now?.error?.message, 'another user');
  for (const socket of env.sockets) await greet(env, socket);
  assert.deepEqual(env.sockets.flatMap((socket) => socket.of('publish')), []);
});
