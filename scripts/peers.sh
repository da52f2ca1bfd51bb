#!/usr/bin/env bash
# Measures ours and other presence servers, side by side:  scripts/peers.sh [options of bench/peers; --help]
#
# Fetches Node (PyPI), the servers on it (npm, by the committed lockfile) and Redis into .servers and bench/peers, and builds the
# rest with cargo, outside the workspace: some minutes the first time. All of it takes two hours, `--quick` less than ten minutes.
# `--smoke` is what CI runs: the driver against ours, in a debug build and in seconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD

build=(--release)
folder=release
case " $* " in
  *' --smoke '*)
    build=()
    folder=debug
    set -- --peer ours "$@"
    ;;
  *' --help '* | *' -h '*) ;;
  *)
    scripts/servers.sh redis
    . scripts/node.sh
    export NODE=$node
    (cd bench/peers/node && npm_ci)
    ;;
esac

if [ "$folder" = debug ]; then
  cargo test --locked --quiet --manifest-path bench/peers/Cargo.toml --package peers
fi
servers=(--package servers)
[ "$folder" = release ] || servers=(--package servers --bin ours)
cargo build ${build[@]+"${build[@]}"} --locked --quiet --manifest-path bench/peers/Cargo.toml --package peers "${servers[@]}"
exec "$root/bench/peers/target/$folder/peers" "$@"
