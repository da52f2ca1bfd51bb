// There is nothing to build: the package's file is served as it is.
import { copyFileSync, mkdirSync } from 'node:fs';
mkdirSync('dist', { recursive: true });
copyFileSync('index.html', 'dist/index.html');
copyFileSync('node_modules/presence-axum/dist/presence.js', 'dist/presence.js');
