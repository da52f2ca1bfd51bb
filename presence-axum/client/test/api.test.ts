/** What a host says and is told, over the stream; `socket.test.ts` has the socket. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { presenceIn } from '../src/presence.ts';
import type { Change, Member, Problem, State, View } from '../src/types.ts';
import { TabEnv, World } from './world.ts';

const MEMBER = { liveness: 'active', status: 'online', message: null, meta: null };

/** A page with a stream that the test writes. */
async function open(watch: (presence: ReturnType<typeof presenceIn>) => void, options: Parameters<typeof presenceIn>[1] = {}) {
  const env = new TabEnv(new World());
  const presence = presenceIn(env, { user: 'ada', topics: ['lobby'], ...options });
  watch(presence);
  await env.world.pass(200);
  const stream = env.openStreams[0]?.stream();
  stream?.event('hello', { ping_every: 60_000 });
  await env.world.pass(10);
  return { env, presence, world: env.world, stream: stream! };
}

test('status, message and meta change at any time, a burst is one hit, and unchanged values are not sent again', async () => {
  const { env, presence, world } = await open(() => {});
  const before = env.hits.length;
  presence.setStatus('away');
  presence.setStatus('busy', 'in a call');
  presence.setMeta({ colour: 'red' });
  presence.setTopics(['lobby', 'library']);
  await world.pass(500);
  const said = ({ status, message, meta, topics }: any) => [status, message, meta, topics];
  assert.deepEqual(env.hits.slice(before).map(({ body }) => said(body)), [['busy', 'in a call', { colour: 'red' }, ['lobby', 'library']]]);
  const { status, message, meta, topics } = presence.self.getSnapshot();
  assert.deepEqual([status, message, meta, topics], ['busy', 'in a call', { colour: 'red' }, ['lobby', 'library']]);
  presence.setTopics(['library']);
  await world.pass(500);
  assert.deepEqual(said(env.hits.at(-1)!.body), [undefined, undefined, undefined, ['library']]);
  presence.setStatus('busy', null);
  presence.setMeta(null);
  await world.pass(500);
  assert.deepEqual(said(env.hits.at(-1)!.body), ['busy', '', {}, ['library']]);
});

test('friends are a set of users: each watch sees its part, and a new set opens a new stream', async () => {
  const seen: Record<string, [string[], Change][]> = { close: [], far: [] };
  let unwatch = (): void => {};
  const { env, presence, world, stream } = await open((it) => {
    const note = (name: string) => (view: View, change: Change) => seen[name]!.push([[...view.members.keys()], change]);
    unwatch = it.watch({ users: ['bob', 'cleo'] }, note('close'));
    it.watch({ users: ['cleo', 'dan'] }, note('far'));
  });
  assert.deepEqual([env.openStreams[0]!.body.users, env.openStreams[0]!.body.users_after], [['bob', 'cleo', 'dan'], null]);
  stream.event('presence_state', { scope: 'users', version: '1', view: 'fresh', users: { bob: MEMBER, dan: MEMBER } });
  await world.pass(10);
  assert.deepEqual([seen['close']!.at(-1)![0], seen['far']!.at(-1)![0]], [['bob'], ['dan']]);
  const told = seen['close']!.length;
  stream.event('presence_diff', { scope: 'users', from: '1', version: '2', left: { dan: { reason: 'lapsed' } } });
  await world.pass(10);
  assert.equal(seen['close']!.length, told, 'what concerns others is not told');
  assert.deepEqual(seen['far']!.at(-1)![1].left.map(({ member, reason }) => [member.user, reason]), [['dan', 'lapsed']]);

  presence.watch({ users: ['eve'] }, () => {});
  unwatch();
  await world.pass(2_000);
  const { users, users_after: after } = env.openStreams.at(-1)!.body;
  assert.deepEqual([users, after], [['cleo', 'dan', 'eve'], null]);
});

test('a watch of counts only gets numbers and no names', async () => {
  const views: View[] = [];
  const { env, world, stream } = await open((it) => {
    it.watch({ counts: 'lobby' }, (view) => views.push({ ...view }));
    it.watch({ counts: null }, () => {});
  });
  const { topics, counts, everyone } = env.openStreams[0]!.body;
  assert.deepEqual([topics, counts, everyone], [{}, ['lobby', null], undefined]);
  stream.event('presence_counts', { scope: 'topic:lobby', online: 3, active: 2, idle: 1 });
  stream.event('presence_counts', { scope: 'topic:lobby', online: 3, active: 2, idle: 1 });
  await world.pass(10);
  assert.deepEqual(views.at(-1)!.counts, { online: 3, active: 2, idle: 1 });
  assert.equal(views.filter(({ counts }) => counts.online === 3).length, 1, 'the same again is not told');
  assert.equal(views.at(-1)!.members.size, 0);
});

test('others are all users except oneself', async () => {
  const { presence, world, stream } = await open((it) => it.watch({ topic: 'lobby' }, () => {}));
  assert.deepEqual(presence.others('lobby'), []);
  stream.event('presence_state', { scope: 'topic:lobby', version: '1', view: 'fresh', users: { ada: MEMBER, bob: MEMBER } });
  await world.pass(10);
  assert.deepEqual(presence.others('lobby').map(({ user }) => user), ['bob']);
  assert.deepEqual(presence.others('elsewhere'), []);
});

test('unchanged members stay the same objects, and so does an unchanged view', async () => {
  const { presence, world, stream } = await open((it) => it.watch({ topic: 'lobby' }, () => {}));
  const users = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`user ${n}`, MEMBER]));
  stream.event('presence_state', { scope: 'topic:lobby', version: '1', view: 'fresh', users });
  await world.pass(10);
  const store = presence.view({ topic: 'lobby' });
  const before = store.getSnapshot();
  assert.equal(store.getSnapshot(), before);
  stream.event('presence_diff', { scope: 'topic:lobby', from: '1', version: '2', changed: { 'user 7': { ...MEMBER, liveness: 'idle' }, 'user 8': MEMBER } });
  await world.pass(10);
  const after = store.getSnapshot();
  assert.notEqual(after, before);
  const changed = [...after.members].filter(([user, member]: [string, Member]) => before.members.get(user) !== member);
  assert.deepEqual(changed.map(([user]) => user), ['user 7']);
  assert.equal(before.members.get('user 7')!.liveness, 'active', 'what was handed out does not change');
});

test('the five states show whether the view is reliable, and errors are values', async () => {
  const [states, errors]: [State[], Problem[]] = [[], []];
  const { env, presence, world, stream } = await open((it) => {
    it.on('state', ({ state }) => states.push(state));
    it.on('error', (error) => errors.push(error));
    it.watch({ topic: 'lobby' }, () => {});
  });
  assert.equal(presence.self.getSnapshot().state, 'live');
  stream.event('presence_view', { view: 'stale' });
  await world.pass(10);
  assert.equal(presence.self.getSnapshot().state, 'stale');
  stream.event('presence_view', { view: 'fresh' });
  await world.pass(10);
  env.server = (asked) => asked.fail();
  stream.end();
  await world.pass(10);
  const { state, error } = presence.self.getSnapshot();
  assert.deepEqual([state, error?.code, typeof error?.retryIn], ['retrying', 'network', 'number']);
  env.server = (asked) => (asked.url.endsWith('/v1/hit') ? asked.answer(200) : void asked.stream().event('hello', {}));
  await world.pass(5_000);
  await presence.leave();
  assert.deepEqual(states.filter((it, at) => it !== states[at - 1]), ['connecting', 'live', 'stale', 'live', 'retrying', 'live', 'stopped']);
  assert.deepEqual(errors.map(({ code }) => code), ['network']);
});

test('an exception in a callback is reported as such, and stops nothing', async () => {
  const { env, presence, world, stream } = await open(
    (it) => {
      it.on('state', () => assert.fail('of the host'));
      it.watch({ topic: 'lobby' }, () => assert.fail('of the host'));
    },
    { encode: ({ kind }) => (kind === 'beat' ? assert.fail('of the host') : { kind }) },
  );
  stream.event('presence_state', { scope: 'topic:lobby', version: '1', view: 'fresh', users: { bob: MEMBER } });
  await world.pass(10);
  assert.deepEqual(presence.others('lobby').map(({ user }) => user), ['bob']);
  presence.setStatus('busy');
  await world.pass(500);
  assert.equal(presence.self.getSnapshot().error?.code, 'protocol');
  assert.ok(env.reported.length >= 3 && env.reported.every((error) => String(error).includes('of the host')));
});
