#!/usr/bin/env bash
# What one does with this service:  examples/hub-and-spoke/hub.sh TARGET
#
#   up                          a center and two leaves with their NATS servers, six processes, until Ctrl-C
#   token SUBJECT [CLAIMS]      a token for an hour, e.g.  token ada   token root '{"admin":true}'
#   test                        the service's tests
#   check                       Dockerfile, compose file, chart and NATS configurations
#   image                       the image presence-service, by Docker
#   compose                     the same six processes, by Docker
#   install-center | install-leaf NAME | uninstall NAME      by Helm, into the namespace presence-system
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."

usage() {
  sed -n '2,/^set/{s/^# \{0,1\}//p}' "$here/hub.sh"
}

# setting FILE NAME: what a configuration file sets it to.
setting() {
  (. "$here/$1" && printenv "$2")
}

token() { # SUBJECT [CLAIMS]
  local secret=${JWT_SECRET:-$(setting config.center-node.env JWT_SECRET)}
  SECRET=$secret python3 - "$1" "${2:-{\}}" <<'PYTHON'
import base64, hashlib, hmac, json, os, sys, time
part = lambda text: base64.urlsafe_b64encode(text).rstrip(b"=")
claims = {"sub": sys.argv[1], "exp": int(time.time()) + 3600, **json.loads(sys.argv[2])}
signed = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
signature = hmac.new(os.environ["SECRET"].encode(), signed, hashlib.sha256).digest()
print((signed + b"." + part(signature)).decode())
PYTHON
}

# begin NAME COMMAND...: in the background, its lines marked with its name.
begin() {
  local name=$1
  shift
  "$@" > >(sed -u "s/^/$name | /") 2>&1 </dev/null &
  pids+=($!)
}

server() { # PROGRAM NAME
  cd "$data"
  exec "$1" --config "$here/nats/$2.conf"
}

service() { # FILE
  # shellcheck disable=SC1090 # one of ours
  . "$here/$1"
  exec "${CARGO_TARGET_DIR:-target}/debug/hub-and-spoke"
}

# The services first: a NATS server that is gone is nothing that they should see at their end.
end() {
  trap '' INT TERM
  local pid i
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
    pid=${pids[i]}
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$data"
}

up() {
  scripts/servers.sh nats
  local nats=$PWD/.servers/bin/nats-server file url name
  cargo build --package hub-and-spoke
  # Each in a process group of its own: Ctrl-C reaches this script, which ends them in order.
  set -m
  pids=()
  data=$(mktemp -d)
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap end EXIT

  for name in center leaf-1 leaf-2; do begin "nats-$name" server "$nats" "$name"; done
  for file in config.center-node.env config.leaf-node.env config.leaf-node-2.env; do
    begin "$(setting "$file" NODE_ID)" service "$file"
  done

  for file in config.center-node.env config.leaf-node.env config.leaf-node-2.env; do
    url=http://127.0.0.1:$(setting "$file" SERVICE_PORT)
    until curl --silent --fail --output /dev/null --max-time 2 "$url/health/readiness"; do
      alive
      sleep 0.2
    done
    echo "$(setting "$file" NODE_ID) is ready: $url"
  done
  echo "all are up; Ctrl-C ends them"
  # None of them ends by itself.
  wait -n || true
  alive
}

# Ends everything if one of the six has ended.
alive() {
  local pid
  for pid in "${pids[@]}"; do
    kill -0 "$pid" 2>/dev/null || {
      echo "one of the processes has ended; see what it said above" >&2
      exit 1
    }
  done
}

install() { # NAME KIND
  helm upgrade --install "$1" "$here/helm/presence-service" --namespace presence-system --create-namespace \
    --values "$here/helm/presence-service/values-$2.yaml" ${JWT_SECRET:+--set-string "jwt.secret=$JWT_SECRET"}
}

case ${1:-} in
  up) up ;;
  token) token "${2:?token SUBJECT [CLAIMS]}" "${3:-}" ;;
  test) scripts/test.sh -p example-tests hub_and_spoke ;;
  check) scripts/check-deploy.sh ;;
  image) docker build --file "$here/Dockerfile" --tag presence-service . ;;
  compose) docker compose --file "$here/docker-compose.yaml" up --build ;;
  install-center) install presence-center center ;;
  install-leaf) install "presence-leaf-${2:?install-leaf NAME}" leaf ;;
  uninstall) helm uninstall --namespace presence-system "${2:?uninstall NAME}" ;;
  *)
    usage >&2
    exit 2
    ;;
esac
