{{- /* The beginning of a CronJob's spec. SETTINGS has `schedule`, `timeZone` and `suspend`. */ -}}
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
{{- if $settings.suspend }}
suspend: true
{{- end }}
concurrencyPolicy: Forbid
startingDeadlineSeconds: 1800
successfulJobsHistoryLimit: 3
failedJobsHistoryLimit: 3
{{- end }}

{{- /* The API server says it too, but only once half of the release is applied. */ -}}
{{- define "library.checkCronJobName" -}}
{{- if gt (len .) 52 -}}
{{- fail (printf "the CronJob name %q has %d characters: Kubernetes allows 52, for its Jobs get longer names" . (len .)) -}}
{{- end -}}
{{- if not (regexMatch "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$" .) -}}
{{- fail (printf "the CronJob name %q is none: lower-case letters, digits and dashes" .) -}}
{{- end -}}
{{- end }}

{{- /* The shape alone: five fields, or one of the @names. Ranges are checked by the API server. */ -}}
{{- define "library.checkSchedule" -}}
{{- $one := `(\*|[0-9]+(-[0-9]+)?|[A-Za-z]{3}(-[A-Za-z]{3})?)(/[0-9]+)?` -}}
{{- $field := printf `(%s(,%s)*|\?)` $one $one -}}
{{- $shape := printf `^(%s( +%s){4}|@(hourly|daily|midnight|weekly|monthly|yearly|annually))$` $field $field -}}
{{- if not (regexMatch $shape (last .)) -}}
{{- fail (printf "the schedule of %s is %q: it takes five fields (minute hour day month weekday), such as \"0 14 * * 1-5\"" (first .) (last .)) -}}
{{- end -}}
{{- end }}
