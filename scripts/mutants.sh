#!/usr/bin/env bash
# Mutation tests of the rules of time, merge and liveness: applies one fault at a time, and checks
# that a test fails.
#
#   scripts/mutants.sh           all patches in scripts/mutants/, each in a copy of the tree; prints a
#                                table, and fails if a mutant survives
#   scripts/mutants.sh NAME...   these only
#   scripts/mutants.sh --check   only checks that all patches still apply; fast, a part of .ci/run
#
# The tests run in this order: the exhaustive search of short histories, the random schedules and
# histories, and last the tests of single rules. Some rules for outages are covered only by the
# last. A patch that no longer applies must be rewritten for the current code. A mutant that
# survives shows a gap in the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

patches=(scripts/mutants/*.patch)
if [ "${1:-}" = --check ]; then
  git apply --check -C1 "${patches[@]}" 2>/dev/null && exit
  # Patches may touch the same lines, so each is checked alone.
  for patch in "${patches[@]}"; do
    git apply --check -C1 "$patch" || { echo "$patch does not apply: rewrite it for the current code" >&2; exit 1; }
  done
  exit
fi
[ $# = 0 ] || patches=("${@/#/scripts/mutants/}")
[ $# = 0 ] || patches=("${patches[@]/%/.patch}")

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
# The files get the current time, so that cargo rebuilds everything: an earlier build may contain a
# mutant.
git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --create --file=- | tar --extract --touch --directory="$copy"

# Many small builds, incremental and without optimisation.
export CARGO_INCREMENTAL=1 CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0 RUST_BACKTRACE=0
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target/mutants}
export PRESENCE_DEPTH=${PRESENCE_DEPTH:-3} PRESENCE_SEEDS=${PRESENCE_SEEDS:-60}

tests() { # FILTER: whether the tests pass, within a time limit.
  (cd "$copy" && timeout 600 cargo --config 'profile.dev.package.presence-core.opt-level=0' \
    test --quiet -p presence-core --all-features --lib -- "$1" >"$copy/log" 2>&1 </dev/null)
}

killer() { # Prints the first group of tests that fails.
  local what
  for what in exhaustive schedules histories handle::tests::model time::tests roster::tests::nodes handle::tests::outages; do
    tests "$what" && continue
    grep -q '^test result: FAILED' "$copy/log" || { tail -n 20 "$copy/log" >&2; return 1; }
    echo "$what"
    return
  done
}

(cd "$copy" && git init --quiet)
tests exhaustive || { tail -n 20 "$copy/log" >&2; echo 'the tests fail without any mutant' >&2; exit 1; }
survived=0
for patch in "${patches[@]}"; do
  name=$(basename "$patch" .patch)
  (cd "$copy" && git apply -C1 "$OLDPWD/$patch")
  by=$(killer) || { echo "$name: it does not compile, or hangs" >&2; exit 1; }
  (cd "$copy" && git apply -C1 --reverse "$OLDPWD/$patch")
  printf '| %-44s | %-22s |\n' "$name" "${by:-SURVIVES}"
  [ -n "$by" ] || survived=$((survived + 1))
done
[ "$survived" = 0 ] || { echo "$survived of ${#patches[@]} survive" >&2; exit 1; }
