{{- /*
Names and labels. COMPONENT is the value of the label `name`, or a dictionary {name, component} where several workloads of a release
have the same name.
*/ -}}

{{- define "library.metadata" -}}
name: {{ index . 1 }}
labels:
  {{- include "library.labels" (list (first .) (last .)) | nindent 2 }}
{{- end }}

{{- /*
For cluster-wide objects: releases in different namespaces must not use the same name. The name of a namespace has no dot, so
the part after the last dot is always the release's namespace.
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

{{- /* Without versions, because a changed label replaces the pods even if nothing else has changed. */ -}}
{{- define "library.podLabels" -}}
{{ include "library.selector" . }}
app.kubernetes.io/part-of: {{ (first .).Chart.Name }}
{{- end }}

{{- /* Selectors are immutable, so these labels must never change. */ -}}
{{- define "library.selector" -}}
{{- $component := last . -}}
{{- if kindIs "string" $component -}}
app.kubernetes.io/name: {{ $component }}
app.kubernetes.io/instance: {{ (first .).Release.Name }}
{{- else -}}
app.kubernetes.io/name: {{ $component.name }}
app.kubernetes.io/instance: {{ (first .).Release.Name }}
app.kubernetes.io/component: {{ $component.component }}
{{- end -}}
{{- end }}
