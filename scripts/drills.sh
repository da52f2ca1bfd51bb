#!/usr/bin/env bash
# Runs all drills with real servers, also those that take too long for CI:
#
#   scripts/drills.sh [FILTER]
#
# The drills run processes on Redis, Valkey, clusters, Sentinel and NATS, while servers are killed,
# hang, restart empty, fail over, run out of memory or refuse writes, and while clocks step and
# links flap. They require that no session with heartbeats leaves, that no acknowledged change is
# lost, that silent sessions lapse, and that the view is stale whenever this cannot be guaranteed.
# The drills run one at a time, which takes some 25 minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
export PRESENCE_DRILLS=all RUST_TEST_THREADS=1

scripts/servers.sh redis valkey nats nats29
status=0
for crate in presence-redis presence-nats; do
  # Continues with the next crate after a failure.
  cargo test -p "$crate" --all-features --locked --test it -- "drills::${1:-}" </dev/null || status=1
done
exit $status
