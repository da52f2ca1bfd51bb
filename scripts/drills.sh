#!/usr/bin/env bash
# Runs every drill with real servers, also those that take too long for CI:  scripts/drills.sh [FILTER]
#
# Processes on Redis, Valkey, clusters, Sentinel and NATS, while servers are killed, hang, come back empty, fail over, refuse writes, and
# links flap. What is required: nobody who beats leaves, no acknowledged change is lost, who is silent goes, and a view that cannot promise both is
# stale. One drill at a time, so that they do not take the processor from each other.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
export PRESENCE_DRILLS=all RUST_TEST_THREADS=1

scripts/servers.sh redis valkey nats nats29
for crate in presence-redis presence-nats; do
  cargo test -p "$crate" --all-features --locked --test it -- "drills::${1:-}" </dev/null
done
