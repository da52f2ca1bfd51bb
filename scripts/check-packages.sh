#!/usr/bin/env bash
# Packs the crates that are published, all at once since they depend on each other, and checks that each carries the licences and its README.
#
# Does not compile what it packed: it is what the tests compile.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh

into=${CARGO_TARGET_DIR:-target}/package
rm -f "$into"/*.crate

select=()
for crate in presence-*/; do select+=(--package "${crate%/}"); done
# CI packs what is committed. At a desk the check is for what one is about to commit.
[ -n "${CI:-}" ] || select+=(--allow-dirty)
cargo package --locked --no-verify --quiet "${select[@]}"

for archive in "$into"/*.crate; do
  name=$(basename "$archive" .crate)
  for licence in LICENSE-MIT LICENSE-APACHE; do
    if ! tar -xOf "$archive" "$name/$licence" 2>/dev/null | cmp -s - "$licence"; then
      echo "$name does not carry $licence: in its folder, ln -s ../$licence" >&2
      exit 1
    fi
  done
  # What crates.io shows.
  tar -xOf "$archive" "$name/README.md" >/dev/null 2>&1 || {
    echo "$name does not carry its README.md" >&2
    exit 1
  }
  echo "$name: $(tar -tf "$archive" | wc -l) files"
done
