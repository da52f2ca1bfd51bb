/**
 * Packs the client as `npm publish` would, installs the tarball in three small projects,
 * type-checks and builds them, and runs each in Chromium, and in Firefox if it is installed:
 * `scripts/client.sh packages`. Needs the npm registry, and the Chromium of
 * `scripts/servers.sh chromium`.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';

const [npm, chromium, firefox] = [process.argv[2]!, process.argv[3]!, process.argv[4]];
const client = join(import.meta.dirname, '..');
const work = mkdtempSync(join(tmpdir(), 'presence-packages.'));
const PROJECTS: Record<string, string[]> = {
  vite: ['vite@8.4.0', 'react@19.3.1', 'react-dom@19.3.1', '@types/react@19.3.3', '@types/react-dom@19.3.0', 'typescript@7.0.2'],
  esbuild: ['esbuild@0.28.2'],
  plain: [],
};
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };
const MEMBER = { liveness: 'active', status: 'online', message: null, meta: null };
/** How long a page may take to tell its result. */
const RESULT_WITHIN = 60_000;

/** Opens a page in a new profile. */
type Browser = (profile: string, url: string) => ChildProcess;

const CHROMIUM_FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--remote-debugging-port=0'];
const browsers: Record<string, Browser> = {
  Chromium: (profile, url) => spawn(chromium, [...CHROMIUM_FLAGS, `--user-data-dir=${profile}`, url], { stdio: 'ignore' }),
};
if (firefox) browsers['Firefox'] = (profile, url) => spawn(firefox, ['--headless', '--no-remote', '--profile', profile, url], { stdio: 'ignore' });

function run(cwd: string, ...args: string[]): string {
  return execFileSync(process.execPath, [npm, ...args], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const part of request) body += String(part);
  return body;
}

/** Serves the built project and a lobby of a thousand; resolves with what the page tells. */
async function shown(dist: string, open: Browser): Promise<unknown> {
  const streams: ServerResponse[] = [];
  const users = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`user ${n}`, MEMBER]));
  const tell = (stream: ServerResponse, name: string, data: object): void => void stream.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  let told = (_: unknown): void => {};
  const result = new Promise<unknown>((resolve) => (told = resolve));
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    if (path === '/presence/v1/hit') {
      response.end(JSON.stringify({ ok: true, placed_at: 1, active_for: 60_000, lease_for: 60_000 }));
    } else if (path === '/presence/v1/sse') {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      tell(response, 'hello', { ping_every: 15_000, active_for: 60_000, lease_for: 60_000 });
      tell(response, 'presence_state', { scope: 'topic:lobby', version: '1', view: 'fresh', users });
      streams.push(response);
    } else if (path === '/change') {
      for (const stream of streams) {
        tell(stream, 'presence_diff', { scope: 'topic:lobby', from: '1', version: '2', changed: { 'user 500': { ...MEMBER, liveness: 'idle' } } });
      }
      response.end();
    } else if (path === '/result') {
      told(JSON.parse(await bodyOf(request)));
      response.end();
    } else {
      const file = join(dist, path === '/' ? 'index.html' : path);
      try {
        response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'text/plain' });
        response.end(readFileSync(file));
      } catch {
        response.end();
      }
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const browser = open(mkdtempSync(join(work, 'profile.')), `http://127.0.0.1:${port}/`);
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`nothing was told within ${RESULT_WITHIN} ms`)), RESULT_WITHIN).unref());
  try {
    return await Promise.race([result, late]);
  } finally {
    const ended = new Promise((resolve) => browser.once('exit', resolve));
    browser.kill();
    await ended;
    server.closeAllConnections();
    server.close();
  }
}

try {
  const [packed] = JSON.parse(run(client, 'pack', '--json', '--ignore-scripts', '--pack-destination', work)) as [{ filename: string }];
  for (const [name, dependencies] of Object.entries(PROJECTS)) {
    const project = join(work, name);
    mkdirSync(project);
    cpSync(join(import.meta.dirname, name), project, { recursive: true });
    run(project, 'install', '--no-audit', '--no-fund', '--loglevel=error', '--save-exact', join(work, packed.filename), ...dependencies);
    run(project, 'run', 'build');
    for (const [browser, open] of Object.entries(browsers)) {
      const result = (await shown(join(project, 'dist'), open)) as Record<string, unknown>;
      console.log(`${name} in ${browser}: ${JSON.stringify(result)}`);
      assert.deepEqual([result['members'], result['me']], [1000, 'me']);
      // One of a thousand rows has changed: only that one is rendered again.
      if (name === 'vite') assert.deepEqual([result['first'], result['after'], result['one']], [1000, 1, 0]);
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
