#!/usr/bin/env bash
# Checks the direction of dependencies between the crates:
#
#   examples/* -> presence-axum -> presence-core <- presence-memory, presence-redis, presence-nats
#
# Asks cargo for the dependencies of each crate with all features. Dependencies of tests are not
# restricted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh

status=0

# complain WHY WHICH
complain() {
  echo "$1:" >&2
  sed 's/^/  /' <<<"$2" >&2
  status=1
}

# pulled_in CRATE: the names of its dependencies, one per line, with `ours` in front of those of
# this repository.
pulled_in() {
  local lines
  lines=$(cargo tree --locked --package "$1" --all-features --edges normal,build --prefix none --format '{p}') || exit
  sed -E -e 's/^([^ ]+) v[^ ]+ \(\/.*/ours \1/' -e 's/^([^ ]+) v.*/\1/' <<<"$lines" | sort -u | grep -vx "ours $1" || true
}

client='(async-nats|fred|redis)(-.*)?'
http='(axum|h2|http|hyper|reqwest|tower)(-.*)?'

for crate in presence-*/; do
  crate=${crate%/}
  ours=presence-core
  case $crate in
    presence-core) ours=none foreign="$client|$http" ;;
    presence-memory) foreign="$client|$http" ;;
    presence-redis) foreign="axum(-.*)?|async-nats" ;;
    presence-nats) foreign="axum(-.*)?|redis" ;;
    *) foreign=$client ;;
  esac
  pulled=$(pulled_in "$crate")
  ! found=$(grep -xE "ours .*|$foreign" <<<"$pulled" | grep -vx "ours $ours") || complain "$crate must not pull in" "$found"
done

# A binary with two crypto providers panics at its first TLS connection or token, and tests are
# binaries too. aws-lc-rs is the only provider.
whole=$(cargo tree --locked --workspace --all-features --prefix none)
! found=$(grep -E '^(ring|rsa) ' <<<"$whole") ||
  complain "a second crypto provider (cargo tree --workspace --all-features --invert NAME tells whose)" "$found"

exit $status
