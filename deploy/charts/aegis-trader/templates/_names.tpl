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

{{- /* The images, for library.container. */ -}}
{{- define "aegis.boxImage" -}}
{{ .Values.natsBox.image | default "nats-box" }}
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
