{{- define "presence.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "presence.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "presence.labels" -}}
{{ include "presence.selector" . }}
app.kubernetes.io/component: {{ .Values.nodeType }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* What the service would refuse to start with is said before anything is installed. */ -}}
{{- define "presence.check" -}}
{{- if not (has .Values.nodeType (list "center" "leaf")) -}}
{{- fail "nodeType is center or leaf" -}}
{{- end -}}
{{- if not (or .Values.jwt.secret .Values.jwt.existingSecret) -}}
{{- fail "set jwt.existingSecret, or jwt.secret" -}}
{{- end -}}
{{- $direct := .Values.nats.centerUrl -}}
{{- $own := and .Values.nats.url .Values.nats.domain -}}
{{- if and (eq .Values.nodeType "leaf") (not (or $direct $own)) -}}
{{- fail "a leaf needs nats.centerUrl, or nats.url and nats.domain" -}}
{{- end -}}
{{- $memory := and (eq .Values.nodeType "center") (not (or .Values.nats.url $direct)) -}}
{{- if and $memory (or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1)) -}}
{{- fail "a center without nats.url keeps statuses in memory, which several replicas do not share" -}}
{{- end -}}
{{- end }}
