#!/usr/bin/env bash
# Runs every drill with real servers, also those that take too long for CI:  scripts/drills.sh [FILTER]
#
# Processes on Redis, Valkey, clusters, Sentinel and NATS, while servers are killed, hang, come back empty, fail over, are full, sealed or refuse
# writes, while their clocks step and links flap. What is required: nobody who beats leaves, no acknowledged change is lost, who is silent goes, and a
# view that cannot promise both is stale. One drill at a time, so that they do not take the processor from each other: some 25 minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
export PRESENCE_DRILLS=all RUST_TEST_THREADS=1

scripts/servers.sh redis valkey nats nats29
status=0
for crate in presence-redis presence-nats; do
  # All of them, whatever fails.
  cargo test -p "$crate" --all-features --locked --test it -- "drills::${1:-}" </dev/null || status=1
done
exit $status
