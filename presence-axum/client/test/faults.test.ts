/** Each fault of the former client, on a clock that is turned by hand. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { presenceIn } from '../src/presence.ts';
import type { State } from '../src/types.ts';
import { TabEnv, World } from './world.ts';

const STATE = { version: '1', view: 'fresh' };
const ADA = { liveness: 'active', status: 'online', message: null, meta: null };

async function open(env: TabEnv, options: Parameters<typeof presenceIn>[1] = {}) {
  const presence = presenceIn(env, { user: 'ada', topics: ['lobby'], ...options });
  await env.world.settle();
  return presence;
}

test('a clock that goes back an hour delays no hit', async () => {
  const world = new World();
  const env = new TabEnv(world);
  const presence = await open(env);
  await world.pass(5_000);
  world.wallBy -= 3_600_000;
  const before = env.hits.length;
  presence.setTopics(['library']);
  await world.pass(1_000);
  assert.equal(env.hits.length, before + 1);
  assert.deepEqual(env.hits.at(-1)!.body.topics, ['library']);
  assert.ok(env.hits.at(-1)!.body.idle_ms <= 6_000);
  await world.pass(60_000);
  assert.ok(env.hits.length >= before + 3, 'the heartbeat goes on');
});

test('a token that never comes costs a timeout each time, and the state shows it', async () => {
  const world = new World();
  const env = new TabEnv(world);
  let asked = 0;
  const answers: ((token: string) => void)[] = [];
  const presence = await open(env, { token: () => ((asked += 1), new Promise((resolve) => answers.push(resolve))) });
  await world.pass(10_001);
  assert.equal(presence.self.getSnapshot().state, 'retrying');
  assert.equal(presence.self.getSnapshot().error?.code, 'token');
  await world.pass(15_000);
  assert.ok(asked >= 2, 'it is asked for again');
  answers.at(-1)!('good');
  await world.pass(20_000);
  answers.at(-1)!('good');
  await world.settle();
  assert.equal(env.hits.at(-1)!.authorization, 'Bearer good');
  assert.equal(presence.self.getSnapshot().state, 'live');
});

test('a hit that gets no connection closes the stream, which is opened again after the response', async () => {
  const world = new World();
  const env = new TabEnv(world);
  const presence = await open(env);
  presence.watch({ topic: 'lobby' }, () => {});
  await world.pass(200);
  env.streams[0]!.stream().event('hello', { ping_every: 15_000 });
  await world.pass(10);
  env.server = null;
  presence.setTopics(['x']);
  await world.pass(5_000);
  assert.equal(env.openStreams.length, 0, 'the stream is given up');
  assert.equal(env.hits.at(-1)!.isAborted, false, 'the hit waits on');
  env.hits.at(-1)!.answer(200);
  await world.pass(2_500);
  assert.equal(env.openStreams.length, 1, 'and is back');
});

test('six watches share one stream', async () => {
  const world = new World();
  const env = new TabEnv(world);
  const presence = await open(env);
  for (const topic of ['a', 'b', 'c', 'd']) presence.watch({ topic }, () => {});
  presence.watch('everyone', () => {});
  presence.watch({ users: ['x', 'y'] }, () => {});
  presence.watch({ counts: 'z' }, () => {});
  await world.pass(1_000);
  assert.equal(env.openStreams.length, 1);
  const { topics, everyone, users, counts } = env.openStreams[0]!.body;
  assert.deepEqual([Object.keys(topics), everyone, users, counts], [['a', 'b', 'c', 'd'], true, ['x', 'y'], ['z']]);
});

test('of eight tabs three hold a stream, and the others poll', async () => {
  const world = new World();
  const tabs = [];
  for (let i = 0; i < 8; i += 1) {
    const env = new TabEnv(world);
    const presence = await open(env);
    presence.watch({ topic: 'lobby' }, () => {});
    await world.pass(200);
    env.openStreams[0]!.stream().event('hello', { ping_every: 15_000 });
    await world.pass(1_000);
    tabs.push(env);
  }
  assert.deepEqual(tabs.map((env) => env.openStreams.length), [0, 0, 0, 0, 0, 1, 1, 1]);
  await world.pass(13_000);
  assert.ok(tabs.slice(0, 5).every((env) => env.streams.length >= 2), 'each has asked again');
  assert.ok(tabs.every((env) => env.hits.length >= 1));
});

test('a stream without data is stale after two ping intervals, and fresh again when the network is back', async () => {
  const world = new World();
  const env = new TabEnv(world);
  const presence = await open(env);
  const seen: [State, boolean, string[]][] = [];
  const left: string[] = [];
  presence.watch({ topic: 'lobby' }, (view, change) => {
    seen.push([view.state, view.stale, [...view.members.keys()]]);
    left.push(...change.left.map(({ member, reason }) => `${member.user} ${reason}`));
  });
  await world.pass(200);
  const first = env.streams[0]!.stream();
  first.event('hello', { ping_every: 2_000 });
  first.event('presence_state', { scope: 'topic:lobby', ...STATE, users: { ada: ADA, grace: ADA } });
  await world.pass(1_900);
  first.event('ping', {});
  await world.pass(3_900);
  assert.deepEqual(seen.at(-1), ['live', false, ['ada', 'grace']]);
  await world.pass(200);
  assert.equal(seen.at(-1)![1], true, 'stale');
  assert.deepEqual(seen.at(-1)![2], ['ada', 'grace'], 'and nobody has gone');
  await world.pass(60_000);
  assert.equal(env.openStreams.length <= 1, true);
  // The path is back.
  const tried = env.streams.length;
  env.server = (asked) => {
    if (asked.url.endsWith('/v1/hit')) asked.answer(200);
    else {
      asked.stream().event('hello', { ping_every: 2_000 });
      asked.event('presence_state', { scope: 'topic:lobby', version: '9', view: 'fresh', users: { ada: ADA } });
    }
  };
  await world.pass(8_000);
  assert.ok(env.streams.length > tried);
  assert.equal(env.streams.at(-1)!.body.topics.lobby, '1', 'from where it was');
  assert.deepEqual(left, ['grace unseen']);
});

for (const locks of [true, false]) {
  test(`a tab duplicated from another page is a session of its own, ${locks ? 'by locks' : 'by asking where there are none'}`, async () => {
    const world = new World();
    if (!locks) world.locks = null;
    const first = new TabEnv(world);
    const before = await open(first);
    await world.pass(200);
    first.tell('gone');
    // Another page of the site has no client: the id lies in the storage, and is copied with it.
    const copy = new Map(first.session);
    const [one, two] = [new TabEnv(world, first.session), new TabEnv(world, copy)];
    const [here, there] = [await open(one), await open(two)];
    await world.pass(300);
    const sessions = [here.session, there.session];
    assert.equal(new Set(sessions).size, 2, `${sessions}`);
    assert.ok(sessions.includes(before.session), 'one goes on with the old');
    assert.equal(one.hits[0]!.body.session, here.session);
    assert.equal(two.hits[0]!.body.session, there.session);
  });
}

test('a leave is repeated until it is confirmed', async () => {
  const world = new World();
  const env = new TabEnv(world);
  const presence = await open(env);
  await world.pass(200);
  env.server = (asked) => asked.fail();
  let result = '';
  void presence.leave({ now: true }).then((it) => (result = it));
  await world.pass(5_001);
  assert.equal(result, 'unconfirmed');
  assert.equal(presence.self.getSnapshot().state, 'stopped');
  const tries = env.hits.filter(({ body }) => body.kind === 'leave').length;
  assert.ok(tries >= 3, `${tries} tries`);
  env.server = (asked) => asked.answer(200);
  env.tell('online');
  await world.settle();
  const last = env.hits.at(-1)!.body;
  assert.deepEqual([last.kind, last.now, last.user], ['leave', true, 'ada']);
  const told = env.hits.length;
  await world.pass(120_000);
  assert.equal(env.hits.length, told, 'it is told until it is confirmed, and not once more');
});

test('a user who comes back before the leave has arrived is not ended by it', async () => {
  const world = new World();
  const env = new TabEnv(world);
  const presence = await open(env);
  env.server = (asked) => asked.fail();
  void presence.leave();
  await world.pass(1_000);
  env.server = (asked) => asked.answer(200);
  presence.enter();
  await world.pass(30_000);
  const kinds = env.hits.map(({ body }) => body.kind);
  assert.ok(kinds.lastIndexOf('leave') < kinds.lastIndexOf('enter'), `${kinds}`);
});

test('a new user inherits nothing of the former: no status, message, meta, session, token or view', async () => {
  const world = new World();
  const env = new TabEnv(world);
  let token = 'of ada';
  const presence = await open(env, { meta: { secret: 1 }, token: () => token });
  presence.setStatus('busy', 'private');
  let members: string[] = [];
  presence.watch({ topic: 'lobby' }, (view) => (members = [...view.members.keys()]));
  await world.pass(200);
  env.streams[0]!.stream().event('presence_state', { scope: 'topic:lobby', ...STATE, users: { ada: ADA } });
  await world.pass(500);
  assert.deepEqual(members, ['ada']);
  const session = presence.session;

  token = 'of bob';
  env.server = (asked) => (asked.body.kind === 'leave' ? asked.fail() : asked.answer(200));
  void presence.setUser('bob');
  await world.pass(500);
  assert.deepEqual(members, []);
  const leave = env.hits.find(({ body }) => body.kind === 'leave')!;
  assert.deepEqual([leave.body.user, leave.body.session, leave.body.now, leave.authorization], ['ada', session, true, 'Bearer of ada']);
  const enter = env.hits.filter(({ body }) => body.kind === 'enter').at(-1)!;
  const { user, status, message, meta, topics } = enter.body;
  assert.deepEqual([user, status, message, meta, topics], ['bob', undefined, undefined, undefined, ['lobby']]);
  assert.notEqual(enter.body.session, session);
  assert.equal(enter.authorization, 'Bearer of bob');
  assert.equal(env.streams.at(-1)!.authorization, 'Bearer of bob');
  assert.equal(env.streams.at(-1)!.body.topics.lobby, null, 'seen anew');
  env.server = (asked) => asked.answer(200);
  await world.pass(10_000);
  const farewell = env.hits.filter(({ body }) => body.kind === 'leave').at(-1)!;
  assert.deepEqual([farewell.body.user, farewell.authorization], ['ada', 'Bearer of ada'], 'and the farewell is of the former');
});

test('a page that reloads itself becomes idle', async () => {
  const world = new World();
  const session = new Map<string, string>();
  let env = new TabEnv(world, session);
  const first = await open(env);
  assert.equal(env.hits[0]!.body.idle_ms, 0);
  env.tell('activity');
  for (let i = 0; i < 4; i += 1) {
    await world.pass(20_000);
    env.tell('gone');
    await world.pass(300);
    env = new TabEnv(world, session);
    const again = await open(env);
    assert.equal(again.session, first.session);
  }
  const { idle_ms: idle, kind } = env.hits[0]!.body;
  assert.equal(kind, 'enter');
  assert.ok(idle >= 80_000 && idle < 90_000, `${idle}`);
});

test('two users of one tab, as in frames of one origin, keep separate sessions over a reload', async () => {
  const world = new World();
  const session = new Map<string, string>();
  const pages = async () => {
    const envs = [new TabEnv(world, session), new TabEnv(world, session)];
    const [outer, inner] = [await open(envs[0]!, { user: 'ada' }), await open(envs[1]!, { user: 'grace' })];
    return { envs, ids: [outer!.session, inner!.session] };
  };
  const before = await pages();
  await world.pass(20_000);
  before.envs[0]!.tell('activity');
  for (const env of before.envs) env.tell('gone');
  await world.pass(300);
  const after = await pages();
  assert.deepEqual(after.ids, before.ids);
  const [outer, inner] = after.envs.map((env) => env.hits[0]!.body.idle_ms);
  assert.ok(outer < 1_000 && inner >= 20_000, `${outer} and ${inner}`);
});

test('a page that was never visible is not active and opens no stream until it is shown', async () => {
  const world = new World();
  const env = new TabEnv(world);
  env.isHidden = true;
  const presence = await open(env);
  presence.watch({ topic: 'lobby' }, () => {});
  presence.watchUrl('/sse/online', () => {});
  await world.pass(30_000);
  assert.ok(env.hits.length >= 1);
  assert.ok(env.hits[0]!.body.idle_ms > 86_400_000);
  assert.equal(env.asked.length, env.hits.length, 'nothing but hits');
  env.show();
  await world.pass(1_000);
  assert.equal(env.streams.length, 1);
  assert.ok(env.hits.at(-1)!.body.idle_ms < 1_500);
});

test('a hidden page closes its stream after a while, and then costs one request per heartbeat', async () => {
  const world = new World();
  const env = new TabEnv(world);
  const presence = await open(env);
  presence.watch({ topic: 'lobby' }, () => {});
  await world.pass(200);
  env.streams[0]!.stream();
  env.hide();
  await world.pass(9_000);
  assert.equal(env.openStreams.length, 1);
  await world.pass(2_000);
  assert.equal(env.openStreams.length, 0);
  const before = env.asked.length;
  await world.pass(240_000);
  assert.ok(env.asked.length - before <= 13, `${env.asked.length - before} requests in ten heartbeats`);
});

test('a prerendered page sends nothing before it is shown', async () => {
  const world = new World();
  const env = new TabEnv(world);
  env.isPrerendering = true;
  const presence = await open(env);
  presence.watch({ topic: 'lobby' }, () => {});
  await world.pass(30_000);
  assert.equal(env.asked.length, 0);
  env.isPrerendering = false;
  env.tell('activated');
  await world.pass(500);
  assert.deepEqual([env.hits.length, env.streams.length], [1, 1]);
});

const jwt = (world: World, seconds: number, name: string): string => {
  const now = Math.floor((world.now + world.wallBy) / 1000);
  return `h.${btoa(JSON.stringify({ iat: now, exp: now + seconds, name }))}.s`;
};

test('streams and hits carry the newest token, which is renewed before it expires', async () => {
  const world = new World();
  const env = new TabEnv(world);
  const reasons: string[] = [];
  const presence = await open(env, {
    token: ({ reason }) => {
      reasons.push(reason);
      return jwt(world, 100, `t${reasons.length}`);
    },
  });
  presence.watch({ topic: 'lobby' }, () => {});
  await world.pass(200);
  env.streams[0]!.stream().event('hello', { ping_every: 600_000 });
  await world.pass(79_000);
  assert.equal(env.streams.length, 1);
  await world.pass(3_000);
  assert.deepEqual(reasons, ['first', 'expiring']);
  assert.equal(env.openStreams.length, 1);
  assert.notEqual(env.openStreams[0]!.authorization, env.streams[0]!.authorization);
  assert.equal(presence.self.getSnapshot().state === 'retrying', false);
});

test('after a refused token a new one is requested once, and then the client waits for the host', async () => {
  const world = new World();
  const env = new TabEnv(world);
  env.server = (asked) => asked.answer(asked.authorization === 'Bearer 2' ? 200 : 401, { error: 'bad token' });
  let asked = 0;
  const presence = await open(env, { token: () => `${(asked += 1)}` });
  await world.pass(500);
  assert.equal(presence.self.getSnapshot().state, 'live');
  env.server = (it) => it.answer(401, { error: 'bad token' });
  presence.setTopics(['x']);
  await world.pass(500);
  assert.equal(presence.self.getSnapshot().state, 'stopped');
  const hits = env.hits.length;
  await world.pass(600_000);
  assert.equal(env.hits.length, hits);
  env.server = (it) => it.answer(200);
  presence.enter();
  await world.pass(500);
  assert.equal(presence.self.getSnapshot().state, 'live');
});

test('an invalid event of the server is reported once, and the stream is opened again', async () => {
  const world = new World();
  const env = new TabEnv(world);
  const presence = await open(env);
  const errors: string[] = [];
  presence.on('error', ({ code }) => errors.push(code));
  let members: string[] = [];
  presence.watch({ topic: 'lobby' }, (view) => (members = [...view.members.keys()]));
  env.server = (asked) => {
    if (asked.url.endsWith('/v1/hit')) return asked.answer(200);
    const amiss = ['not json', '[]', '{"scope":"topic:lobby","from":"7","version":"8"}', '{"scope":"topic:lobby","version":"2","users":7}'];
    asked.stream().event('of_tomorrow', {});
    asked.write('event: of_tomorrow\ndata: what is this\n\n');
    const at = env.streams.length - 1;
    if (at < amiss.length) asked.write(`event: presence_${at === 2 ? 'diff' : 'state'}\ndata: ${amiss[at]}\n\n`);
    else asked.event('presence_state', { scope: 'topic:lobby', ...STATE, users: { ada: ADA } });
  };
  await world.pass(30_000);
  assert.deepEqual(members, ['ada']);
  assert.equal(env.streams.length, 5);
  assert.deepEqual(errors, ['protocol']);
  assert.equal(env.streams.at(-1)!.body.topics.lobby, null);
});

for (const [transport, lose] of Object.entries({
  stream: (env: TabEnv) => env.streams[0]!.end(),
  socket: (env: TabEnv) => env.sockets[0]!.drop(),
})) {
  test(`two hundred clients that lose the server at one instant come back spread over a second and a half, by ${transport}`, async () => {
    const world = new World();
    const at: number[] = [];
    for (let i = 0; i < 200; i += 1) {
      const env = new TabEnv(new World());
      env.world.luck = world.random();
      const { server } = env;
      if (transport === 'socket') env.server = (asked) => (asked.url.endsWith('/v1/hit') ? asked.answer(200, { ok: true, lease_for: 60_000, ws: true }) : server!(asked));
      const presence = await open(env);
      presence.watch({ topic: 'lobby' }, () => {});
      await env.world.pass(200);
      if (transport === 'socket') {
        env.sockets[0]!.answers = true;
        env.sockets[0]!.tell({ type: 'hello', idle_for: 60_000, lease_for: 60_000 });
      } else env.streams[0]!.stream().event('hello', { ping_every: 15_000 });
      await env.world.pass(200);
      const lostAt = env.world.now;
      const [asked, sockets] = [env.asked.length, env.sockets.length];
      lose(env);
      while (env.asked.length === asked && env.sockets.length === sockets) await env.world.pass(50);
      at.push(env.world.now - lostAt);
    }
    at.sort((a, b) => a - b);
    assert.ok(at[195]! - at[4]! >= 1_500, `${at[4]} to ${at[195]}`);
    assert.ok(at.at(-1)! <= 2_500);
  });
}
