{{- /* The targets as trigger-api's file has them. */ -}}
{{- define "tradeops.targetsFile" -}}
targets:
  {{- range .Values.triggerApi.targets }}
  - {cronjob: {{ .cronjob }}{{ with .name }}, name: {{ . }}{{ end }}{{ if .allowSuspended }}, allow_suspended: true{{ end }}}
  {{- end }}
default_target: {{ .Values.triggerApi.defaultTarget }}
{{- end }}

{{- /* One target without more to say needs no file: CRONJOB_NAME is enough. "true", or nothing. */ -}}
{{- define "tradeops.hasTargetsFile" -}}
{{- $targets := .Values.triggerApi.targets -}}
{{- if or (gt (len $targets) 1) (first $targets).name (first $targets).allowSuspended -}}true{{- end -}}
{{- end }}

{{- define "tradeops.cronJobs" -}}
{{- $names := list -}}
{{- range .Values.triggerApi.targets -}}{{- $names = append $names .cronjob -}}{{- end -}}
{{- $names | toJson -}}
{{- end }}
