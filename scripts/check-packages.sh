#!/usr/bin/env bash
# Packs the published crates, all at once because they depend on each other, and checks that each
# package contains the licences and its README. The packages are not compiled; the tests compile the
# same sources.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh

into=${CARGO_TARGET_DIR:-target}/package
rm -f "$into"/*.crate

select=()
for crate in presence-*/; do select+=(--package "${crate%/}"); done
# CI packs the committed state; a developer checks what is about to be committed.
[ -n "${CI:-}" ] || select+=(--allow-dirty)
cargo package --locked --no-verify --quiet "${select[@]}"

for archive in "$into"/*.crate; do
  name=$(basename "$archive" .crate)
  for licence in LICENSE-MIT LICENSE-APACHE; do
    if ! tar -xOf "$archive" "$name/$licence" 2>/dev/null | cmp -s - "$licence"; then
      echo "$name does not contain $licence: in its folder, ln -s ../$licence" >&2
      exit 1
    fi
  done
  # crates.io shows it.
  tar -xOf "$archive" "$name/README.md" >/dev/null 2>&1 || {
    echo "$name does not contain its README.md" >&2
    exit 1
  }
  echo "$name: $(tar -tf "$archive" | wc -l) files"
done
