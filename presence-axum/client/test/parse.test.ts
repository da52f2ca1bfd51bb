/** The format of streams, in whatever pieces it comes. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parser } from '../src/parse.ts';

function parsed(pieces: string[]): { heard: string[][]; retries: number[] } {
  const [heard, retries]: [string[][], number[]] = [[], []];
  const parser = new Parser(
    (name, data) => heard.push([name, data]),
    (ms) => retries.push(ms),
  );
  for (const piece of pieces) parser.push(piece);
  return { heard, retries };
}

const TEXT = [
  'retry: 2000',
  ': a comment',
  'event: first',
  'data: one',
  'data:two',
  'data:  three: with colons',
  '',
  'event: without data',
  '',
  'data',
  'id: 7',
  'unknown: field',
  '',
  'retry: soon',
  'event: last',
  'data: {"a":"\u2028"}',
  '',
  'data: cut off',
];
const HEARD = [
  ['first', 'one\ntwo\n three: with colons'],
  ['message', ''],
  ['last', '{"a":"\u2028"}'],
];

for (const [name, end] of Object.entries({ LF: '\n', CRLF: '\r\n', CR: '\r' })) {
  test(`lines that end with ${name} are read alike, wherever they are cut`, () => {
    const text = TEXT.join(end);
    for (let at = 0; at <= text.length; at += 1) {
      assert.deepEqual(parsed([text.slice(0, at), text.slice(at)]), { heard: HEARD, retries: [2_000] }, `cut at ${at}`);
    }
    assert.deepEqual(parsed([...text]), { heard: HEARD, retries: [2_000] }, 'in single characters');
  });
}

test('an event that never ends is refused', () => {
  const line = `data: ${'x'.repeat(1024 * 1024)}\n`;
  assert.throws(() => parsed(Array.from({ length: 40 }, () => line)), /too large/);
  assert.throws(() => parsed(Array.from({ length: 40 }, () => 'x'.repeat(1024 * 1024))), /too large/);
});
