#!/usr/bin/env bash
# Checks or builds the browser client (presence-axum/client):
#
#   scripts/client.sh [test|build|packages|node ARGUMENTS...]
#
# `test`, the default, checks types, runs the unit tests, and checks that the committed
# presence-axum/assets/presence.js is built from the current source. `build` writes that file and
# the npm package. `packages` packs the package, and installs, builds and runs it in three small
# projects, in Chromium, and in Firefox if it is on PATH (apt-get install firefox-esr). Node comes
# from PyPI into .servers, the tools from npm by the committed lockfile. The Rust crates need
# neither.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. scripts/node.sh

cd presence-axum/client
npm_ci

case ${1:-test} in
  test)
    node node_modules/typescript/bin/tsc --noEmit
    node --test --test-reporter=dot 'test/*.test.ts'
    node build.ts --check
    ;;
  build) node build.ts ;;
  packages)
    chromium=${PRESENCE_SERVERS:-$PWD/../../.servers/bin}/chromium
    [ -x "$chromium" ] || {
      echo "$chromium is not there: scripts/servers.sh chromium" >&2
      exit 1
    }
    node build.ts
    # shellcheck disable=SC2046 # none is no argument
    node packages/check.ts "$npm" "$chromium" $(command -v firefox-esr || command -v firefox || true)
    ;;
  node)
    shift
    exec node "$@"
    ;;
  *)
    echo "scripts/client.sh [test|build|packages|node ARGUMENTS...]" >&2
    exit 2
    ;;
esac
