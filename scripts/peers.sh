#!/usr/bin/env bash
# Measures ours and other presence servers, side by side:  scripts/peers.sh [options of bench/peers; --help]
#
# Fetches Node (PyPI), the servers on it (npm, by the committed lockfile) and Redis into .servers and bench/peers, and builds the
# rest with cargo, outside the workspace: some minutes the first time. All of it takes two hours, `--quick` ten minutes.
# `--smoke` is what CI runs: the driver against ours, in a debug build: seconds, and two minutes of
# building the first time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=(--workspace --release)
folder=release
case " $* " in
  *' --smoke '*)
    build=(--package peers --package servers --bin peers --bin ours)
    folder=debug
    set -- --peer ours "$@"
    cargo test --quiet --manifest-path bench/peers/Cargo.toml --package peers
    ;;
  *' --help '* | *' -h '*) build=(--package peers --release) ;;
  *)
    scripts/servers.sh redis
    . scripts/node.sh
    export NODE=$node
    (cd bench/peers/node && npm_ci)
    # Whatever else waits for Node may have it now.
    exec 8>&-
    ;;
esac

# Not --locked: what the library has come to depend on is added to the lockfile, what is pinned there stays.
cargo build "${build[@]}" --quiet --manifest-path bench/peers/Cargo.toml
exec "bench/peers/target/$folder/peers" "$@"
