// A list of all members, whose rows count how often they are drawn.
import { memo } from 'react';
import { createRoot } from 'react-dom/client';
import { createPresence, type Member } from 'presence-axum';
import { useMember, usePresence, useSelf } from 'presence-axum/react';

const presence = createPresence({ url: '/presence', user: 'me', topics: ['lobby'], transport: 'http' });
const drawn = new Map<string, number>();
const times = { list: 0, one: 0 };

const Row = memo(({ member }: { member: Member }) => {
  drawn.set(member.user, (drawn.get(member.user) ?? 0) + 1);
  return <li>{`${member.user} ${member.liveness}`}</li>;
});

function One() {
  times.one += 1;
  return <p>{useMember(presence, 'lobby', 'user 1')?.liveness ?? 'unknown'}</p>;
}

function List() {
  times.list += 1;
  const { members } = usePresence(presence, 'lobby');
  return <ul>{members.map((member) => <Row key={member.user} member={member} />)}</ul>;
}

function Me() {
  return <h1>{useSelf(presence).user}</h1>;
}

createRoot(document.getElementById('root')!).render(<><Me /><One /><List /></>);

const rows = (): number => document.querySelectorAll('li').length;
const all = (): number => [...drawn.values()].reduce((sum, n) => sum + n, 0);

/** Waits for what must come, and lets the page draw it. */
function until(is: () => boolean, then: () => void): void {
  if (is()) setTimeout(then, 200);
  else requestAnimationFrame(() => until(is, then));
}

until(() => rows() === 1000, () => {
  const before = { rows: all(), ...times };
  // The server changes one member when it is told to.
  void fetch('/change', { method: 'POST' });
  until(() => document.querySelector('li:nth-child(501)')?.textContent === 'user 500 idle', () => {
    const result = { members: rows(), first: before.rows, after: all() - before.rows, one: times.one - before.one, me: document.querySelector('h1')?.textContent };
    void fetch('/result', { method: 'POST', body: JSON.stringify(result) });
  });
});
