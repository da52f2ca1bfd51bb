#!/usr/bin/env bash
# Runs every test:  scripts/test.sh [arguments of cargo test]
#
# Fetches the servers that tests spawn while cargo compiles; one that is missing fails the run before the first test, with a
# message that says how to get it. `-p CRATE` narrows the run to a crate; without it the whole workspace is tested.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh

mkdir -p .servers
scripts/servers.sh >.servers/log 2>&1 </dev/null &
servers=$!

scope=(--workspace)
for arg; do
  case $arg in
    --) break ;;
    -p | -p?* | --package | --package=*) scope=() ;;
  esac
done
test=(cargo test ${scope[@]+"${scope[@]}"} --all-features --locked)

compiled=0
"${test[@]}" --no-run "$@" </dev/null || compiled=$?
fetched=0
wait "$servers" || fetched=$?
cat .servers/log
[ "$compiled" = 0 ] || exit "$compiled"
[ "$fetched" = 0 ] || exit "$fetched"

# The browser client's own tests, where everything is tested. They take seconds.
[ ${#scope[@]} = 0 ] || scripts/client.sh test

exec "${test[@]}" "$@" </dev/null
