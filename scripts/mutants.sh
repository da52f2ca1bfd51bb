#!/usr/bin/env bash
# Plants one fault at a time in the rules of time, merge and liveness, and looks whether the tests notice:
#
#   scripts/mutants.sh           all of scripts/mutants/, each in a copy of the tree; prints a table, fails if one survives
#   scripts/mutants.sh NAME...   these only
#   scripts/mutants.sh --check   looks only whether all of them still apply, in a moment (a part of .ci/run)
#
# A mutant is killed by the exhaustive search of small histories, by the random histories and schedules, or at last by the directed tests of
# the rules themselves: of what is done in an outage only for its sake, the others see little. One that no longer applies is to be planted anew where its
# rule has moved to; one that survives says what the tests do not reach.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

patches=(scripts/mutants/*.patch)
if [ "${1:-}" = --check ]; then
  git apply --check -C1 "${patches[@]}" 2>/dev/null && exit
  # Two may touch the same lines: then one after the other.
  for patch in "${patches[@]}"; do
    git apply --check -C1 "$patch" || { echo "$patch does not apply: plant it anew" >&2; exit 1; }
  done
  exit
fi
[ $# = 0 ] || patches=("${@/#/scripts/mutants/}")
[ $# = 0 ] || patches=("${patches[@]/%/.patch}")

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
# With times of now: what an earlier run has left in the target folder is older, and may have a mutant in it.
git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --create --file=- | tar --extract --touch --directory="$copy"

# Many small builds: what changes is compiled again, without optimisation.
export CARGO_INCREMENTAL=1 CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0 RUST_BACKTRACE=0
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target/mutants}
export PRESENCE_DEPTH=${PRESENCE_DEPTH:-3} PRESENCE_SEEDS=${PRESENCE_SEEDS:-60}

tests() { # FILTER: passes if the tests do. One that hangs is noticed as well.
  (cd "$copy" && timeout 600 cargo --config 'profile.dev.package.presence-core.opt-level=0' \
    test --quiet -p presence-core --all-features --lib -- "$1" >"$copy/log" 2>&1 </dev/null)
}

killer() { # Who notices: prints the name of the first one.
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
