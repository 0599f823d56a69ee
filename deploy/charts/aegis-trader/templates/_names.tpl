{{- /* The components: labels of selectors, which are immutable. NATS and its command-line client have the same name. */ -}}
{{- define "aegis.nats" -}}
{{- dict "name" "nats" "component" "nats" | toJson -}}
{{- end }}
{{- define "aegis.natsBox" -}}
{{- dict "name" "nats" "component" "nats-box" | toJson -}}
{{- end }}

{{- /* (list $ COMPONENT): the name of an object. */ -}}
{{- define "aegis.name" -}}
{{ (first .).Release.Name }}-{{ last . }}
{{- end }}

{{- /* (list $ NAME SECTION): the complete name of an image, for library.container. SECTION of the values has `image` and `tag`. */ -}}
{{- define "aegis.image" -}}
{{- $image := (first .).Values.image -}}
{{- $section := last . -}}
{{- if $section.image -}}
{{ $section.image }}
{{- else -}}
{{ with $image.registry }}{{ . }}/{{ end }}{{ index . 1 }}:{{ $section.tag | default $image.tag }}
{{- end -}}
{{- end }}

{{- define "aegis.boxImage" -}}
{{ include "aegis.image" (list . "nats-box" .Values.natsBox) }}
{{- end }}

{{- define "aegis.monitorApiUrl" -}}
http://{{ .Release.Name }}-monitor-api:8100
{{- end }}

{{- /* The port of monitor-api's pods. */ -}}
{{- define "aegis.monitorApiPort" -}}
{{ include "library.listenPort" (list .Values.monitorApi.settings 8100) }}
{{- end }}

{{- define "aegis.bucketReplicas" -}}
{{ .Values.postInstall.createKvBucket.replicas | default (ternary 3 1 (gt (int .Values.nats.replicas) 1)) }}
{{- end }}
