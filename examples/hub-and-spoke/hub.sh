#!/usr/bin/env bash
# The commands for this service:  examples/hub-and-spoke/hub.sh TARGET
#
#   secret                      the JWT_SECRET of this checkout: made at the first use, in target/
#   run                         a center on memory, in the foreground
#   up | dev                    a center and two leaves with their NATS servers, until Ctrl-C
#   dev-logs [NODE]             follows the logs of these six processes, or of one: leaf-node-1
#   token SUBJECT [CLAIMS]      a token for an hour, e.g.  token ada   token root '{"admin":true}'
#   test                        the service's tests
#   coverage                    the same, with a report of the lines they reach (cargo-llvm-cov)
#   bench                       the service's part of the benchmark
#   check                       Dockerfile, compose file, chart and NATS configurations
#   docker-build [TAG] | docker-buildx REGISTRY | compose
#                               the image; the image for two architectures; the six processes
#   helm-install-center | helm-install-leaf NAME | helm-install-all | helm-uninstall [NAME]
#                               in the namespace presence-system
#   k8s-status | k8s-logs | k8s-port-forward [PORT]           what runs there
#   build | dev-up | test-coverage | coverage-check | bench-service | helm-install-leaf-us |
#   helm-install-leaf-eu        as in the original's Makefile; the check requires 75 % of lines
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

# The secret in the environment, or one of this checkout's own: none is shipped that works.
secret() {
  local file=${CARGO_TARGET_DIR:-target}/hub-and-spoke.secret
  if [ -z "${JWT_SECRET:-}" ] && [ ! -s "$file" ]; then
    mkdir -p "$(dirname "$file")"
    (umask 077 && python3 -c 'import secrets; print(secrets.token_hex(32))' >"$file")
  fi
  printf '%s\n' "${JWT_SECRET:-$(cat "$file")}"
}

token() { # SUBJECT [CLAIMS]
  SECRET=$JWT_SECRET python3 - "$1" "${2:-{\}}" <<'PYTHON'
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
  "$@" > >(tee "$logs/$name.log" | sed -u "s/^/$name | /") 2>&1 </dev/null &
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
  rm -rf "$logs"
  mkdir -p "$logs"
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

# The names of the seed's Makefile, as far as they make sense here.
namespace=presence-system
install() { # NAME KIND
  helm upgrade --install "$1" "$here/helm/presence-service" --namespace $namespace --create-namespace \
    --values "$here/helm/presence-service/values-$2.yaml" --set-string "jwt.secret=$JWT_SECRET"
}

# Nothing is installed with a secret that was drawn here by the way.
demand() {
  : "${JWT_SECRET:?is required: export JWT_SECRET=\$(openssl rand -hex 32)}"
}

logs=${CARGO_TARGET_DIR:-target}/hub-and-spoke-logs
case ${1:-} in
  helm-install-*) demand ;;
  secret | run | up | dev | dev-up | token) JWT_SECRET=$(secret) && export JWT_SECRET ;;
esac

case ${1:-} in
  secret) printf '%s\n' "$JWT_SECRET" ;;
  run) exec cargo run --package hub-and-spoke ;;
  up | dev | dev-up) up ;;
  build) cargo build --package hub-and-spoke ;;
  dev-logs) tail -n 100 -F "$logs/"${2:-*}.log ;;
  token) token "${2:?token SUBJECT [CLAIMS]}" "${3:-}" ;;
  test) scripts/test.sh -p example-tests hub_and_spoke ;;
  coverage | test-coverage) cargo llvm-cov --package example-tests --package hub-and-spoke --html -- hub_and_spoke ;;
  coverage-check) cargo llvm-cov --package example-tests --package hub-and-spoke --fail-under-lines 75 -- hub_and_spoke ;;
  bench | bench-service) cargo run --release --package bench -- rest ;;
  check) scripts/check-deploy.sh ;;
  docker-build) docker build --file "$here/Dockerfile" --tag "${2:-presence-service}" . ;;
  docker-buildx)
    docker buildx build --platform linux/amd64,linux/arm64 --file "$here/Dockerfile" --push \
      --tag "${2:?docker-buildx REGISTRY}/presence-service" .
    ;;
  compose) docker compose --file "$here/docker-compose.yaml" up --build ;;
  helm-install-center) install presence-center center ;;
  helm-install-leaf-us | helm-install-leaf-eu) install "presence-leaf-${1##*-}" leaf ;;
  helm-install-leaf) install "presence-leaf-${2:?helm-install-leaf NAME}" leaf ;;
  helm-install-all)
    install presence-center center
    for region in us eu; do install "presence-leaf-$region" leaf; done
    ;;
  helm-uninstall)
    # shellcheck disable=SC2046 # a list of names
    helm uninstall --namespace $namespace ${2:-$(helm list --namespace $namespace --short)}
    ;;
  k8s-status) kubectl get --namespace $namespace deployments,pods,services,hpa ;;
  k8s-logs) kubectl logs --namespace $namespace --selector app.kubernetes.io/name=presence-service --follow --prefix ;;
  k8s-port-forward) kubectl port-forward --namespace $namespace service/presence-center "${2:-8080}:80" ;;
  *)
    usage >&2
    exit 2
    ;;
esac
