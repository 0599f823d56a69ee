{{- /* The content of trigger-api's configuration file. */ -}}
{{- define "tradeops.targetsFile" -}}
targets:
  {{- range .Values.triggerApi.targets }}
  - {cronjob: {{ .cronjob }}{{ with .name }}, name: {{ . }}{{ end }}{{ if .allowSuspended }}, allow_suspended: true{{ end }}{{ with .waitSeconds }}, wait_seconds: {{ . }}{{ end }}}
  {{- end }}
default_target: {{ .Values.triggerApi.defaultTarget }}
{{- with .Values.triggerApi.aliases }}
aliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* "true" if a configuration file is needed, else empty. For one target without options and aliases, CRONJOB_NAME is enough. */ -}}
{{- define "tradeops.hasTargetsFile" -}}
{{- $targets := .Values.triggerApi.targets -}}
{{- if or (gt (len $targets) 1) (first $targets).name (first $targets).allowSuspended (first $targets).waitSeconds .Values.triggerApi.aliases -}}true{{- end -}}
{{- end }}

{{- define "tradeops.cronJobs" -}}
{{- $names := list -}}
{{- range .Values.triggerApi.targets -}}{{- $names = append $names .cronjob -}}{{- end -}}
{{- $names | toJson -}}
{{- end }}
