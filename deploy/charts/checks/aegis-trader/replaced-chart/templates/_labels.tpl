{{- /* NATS is a dependency of that chart, and has the labels of its own chart. */ -}}
{{- define "nats.labels" -}}
helm.sh/chart: nats-1.3.9
app.kubernetes.io/name: nats
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: "2.11.6"
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- define "own.labels" -}}
helm.sh/chart: aegis-trader-0.1.0
app.kubernetes.io/name: {{ last . }}
app.kubernetes.io/instance: {{ (first .).Release.Name }}
app.kubernetes.io/version: "0.1.0"
app.kubernetes.io/managed-by: {{ (first .).Release.Service }}
{{- end }}
