{{- /* Names and labels. */ -}}

{{- define "library.metadata" -}}
name: {{ index . 1 }}
labels:
  {{- include "library.labels" (list (first .) (last .)) | nindent 2 }}
{{- end }}

{{- /*
Objects without a namespace are seen by all: two releases in two namespaces would fight over one name. A namespace has no
dot in it, so the last part is always the release's.
*/ -}}
{{- define "library.clusterMetadata" -}}
{{- $root := first . -}}
name: {{ index . 1 }}.{{ $root.Release.Namespace }}
labels:
  {{- include "library.labels" (list $root (last .)) | nindent 2 }}
{{- end }}

{{- define "library.labels" -}}
{{- $root := first . -}}
{{ include "library.podLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
{{- end }}

{{- /* Without the versions: pods would be replaced for a new chart that changes nothing in them. */ -}}
{{- define "library.podLabels" -}}
{{ include "library.selector" . }}
app.kubernetes.io/part-of: {{ (first .).Chart.Name }}
{{- end }}

{{- /* Selectors can't be changed later, so these two are all there ever is. */ -}}
{{- define "library.selector" -}}
app.kubernetes.io/name: {{ last . }}
app.kubernetes.io/instance: {{ (first .).Release.Name }}
{{- end }}
