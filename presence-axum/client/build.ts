/** Builds the package, and the file that the crate serves. `--check`: says whether the committed file is what the source gives. */

import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const here = import.meta.dirname;
const asset = join(here, '../assets/presence.js');
/** The most bytes of the core and of the React hooks, gzipped. */
const BUDGET = { 'presence.js': 12_000, 'react.js': 1_000 };

/** FNV-1a over the names and texts of the sources: `cargo test` computes it too. */
function hash(): string {
  let sum = 0xcbf29ce484222325n;
  const add = (bytes: Uint8Array): void => {
    for (const byte of bytes) sum = ((sum ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  };
  for (const name of readdirSync(join(here, 'src')).sort()) {
    add(Buffer.from(name));
    add(readFileSync(join(here, 'src', name)));
  }
  return sum.toString(16).padStart(16, '0');
}

async function bundle(entry: string, external: string[]): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(here, 'src', entry)],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    lineLimit: 4_000,
    legalComments: 'none',
    charset: 'utf8',
    external,
    write: false,
  });
  return outputFiles[0]!.text;
}

const core = `// presence.js (${hash()}), MIT OR Apache-2.0\n${await bundle('index.ts', [])}`;
const react = await bundle('react.ts', ['react']);
for (const [name, text] of Object.entries({ 'presence.js': core, 'react.js': react })) {
  const size = gzipSync(text, { level: 9 }).length;
  console.log(`${name}: ${text.length} bytes, ${size} gzipped`);
  if (size > BUDGET[name as keyof typeof BUDGET]) throw new Error(`${name} is larger than ${BUDGET[name as keyof typeof BUDGET]} bytes`);
}

if (process.argv.includes('--check')) {
  if (readFileSync(asset, 'utf8') !== core) {
    console.error('presence-axum/assets/presence.js is not what client/src gives: scripts/client.sh build');
    process.exit(1);
  }
} else {
  writeFileSync(asset, core);
  const dist = join(here, 'dist');
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  writeFileSync(join(dist, 'presence.js'), core);
  writeFileSync(join(dist, 'react.js'), react);
  execFileSync(process.execPath, [join(here, 'node_modules/typescript/bin/tsc'), '--project', join(here, 'tsconfig.types.json')], { stdio: 'inherit' });
  // The compiler rewrites the endings of imports in programs only.
  for (const name of readdirSync(join(dist, 'types'))) {
    const file = join(dist, 'types', name);
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/(from '\.\/[a-z]+)\.ts'/g, "$1.js'"));
  }
}
