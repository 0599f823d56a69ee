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

{{- /* The labels of triggerApi.settings.JOB_LABELS, as a map in CEL. */ -}}
{{- define "tradeops.addedLabels" -}}
{{- $labels := dict -}}
{{- range compact (splitList "," (.Values.triggerApi.settings.JOB_LABELS | default "")) -}}
{{- $pair := splitn "=" 2 . -}}
{{- $_ := set $labels $pair._0 $pair._1 -}}
{{- end -}}
{{- $labels | toJson | replace "\"" "'" -}}
{{- end }}

{{- /* The part of triggerApi.settings.JOB_NAME_FORMAT before {id}, as an expression in CEL. */ -}}
{{- define "tradeops.jobNamePrefix" -}}
{{- $format := .Values.triggerApi.settings.JOB_NAME_FORMAT | default "{cronjob}-{id}" -}}
{{- printf "'%s'" ($format | replace "{id}" "" | replace "{cronjob}" "' + params.metadata.name + '") -}}
{{- end }}

{{- define "tradeops.cronJobs" -}}
{{- $names := list -}}
{{- range .Values.triggerApi.targets -}}{{- $names = append $names .cronjob -}}{{- end -}}
{{- $names | toJson -}}
{{- end }}
