{{- /* The start of a CronJob's spec: (list $ CRONJOB SETTINGS), where SETTINGS has `schedule`, `timeZone` and `suspend`. */ -}}
{{- define "library.schedule" -}}
{{- $root := first . -}}
{{- $name := index . 1 -}}
{{- $settings := last . -}}
{{- include "library.checkCronJobName" $name -}}
{{- include "library.checkSchedule" (list $name $settings.schedule) -}}
schedule: {{ $settings.schedule | quote }}
{{- with $settings.timeZone | default $root.Values.timeZone }}
timeZone: {{ . }}
{{- end }}
{{- /* Also when false: an upgrade then resumes a schedule that `just stop` has suspended. */}}
suspend: {{ $settings.suspend | default false }}
concurrencyPolicy: Forbid
startingDeadlineSeconds: 1800
successfulJobsHistoryLimit: 3
failedJobsHistoryLimit: 3
{{- end }}

{{- /* The API server checks this too, but only after Helm has applied a part of the release. */ -}}
{{- define "library.checkCronJobName" -}}
{{- if gt (len .) 52 -}}
{{- fail (printf "the CronJob name %q has %d characters: Kubernetes allows 52, because the names of its Jobs are longer" . (len .)) -}}
{{- end -}}
{{- if not (regexMatch "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$" .) -}}
{{- fail (printf "the CronJob name %q is not valid: use lower-case letters, digits, dashes and dots" .) -}}
{{- end -}}
{{- end }}

{{- /* Checks only the form: five fields, or one of the @names. The API server checks the ranges. */ -}}
{{- define "library.checkSchedule" -}}
{{- $one := `(\*|[0-9]+(-[0-9]+)?|[A-Za-z]{3}(-[A-Za-z]{3})?)(/[0-9]+)?` -}}
{{- $field := printf `(%s(,%s)*|\?)` $one $one -}}
{{- $shape := printf `^(%s( +%s){4}|@(hourly|daily|midnight|weekly|monthly|yearly|annually))$` $field $field -}}
{{- if not (regexMatch $shape (last .)) -}}
{{- fail (printf "the schedule of %s is %q: it needs five fields (minute hour day month weekday), such as \"0 14 * * 1-5\"" (first .) (last .)) -}}
{{- end -}}
{{- end }}
