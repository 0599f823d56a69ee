{{- /* How the pods of the release connect to NATS. */ -}}

{{- /* (list $ CREDENTIALS): CREDENTIALS is empty, or user:password@ */ -}}
{{- define "aegis.natsUrl" -}}
{{- $root := first . -}}
{{ ternary "tls" "nats" (ne $root.Values.nats.tls.clients.existingSecret "") }}://{{ last . }}{{ $root.Release.Name }}-nats:4222
{{- end }}

{{- /*
Credentials and the CA, as environment variables. (list $ KIND): the command-line client (box) and the services (service) have different
names for files; the stack's own services (url) get user and password in the URL, because that is what all clients of NATS read.
*/ -}}
{{- define "aegis.clientEnv" -}}
{{- $root := first . -}}
{{- $kind := last . -}}
{{- with $root.Values.nats.clients }}
{{- if and .existingSecret (eq .method "password") }}
{{ include "library.secretEnv" (list "NATS_USER" .existingSecret "username") }}
{{ include "library.secretEnv" (list "NATS_PASSWORD" .existingSecret "password") }}
{{- if eq $kind "url" }}
- name: NATS_URL
  value: {{ include "aegis.natsUrl" (list $root "$(NATS_USER):$(NATS_PASSWORD)@") }}
{{- end }}
{{- else if .existingSecret }}
- name: {{ ternary "NATS_CREDS" "NATS_CREDS_FILE" (eq $kind "box") }}
  value: /run/nats-client/nats.creds
{{- end }}
{{- end }}
{{- if $root.Values.nats.tls.clients.existingSecret }}
- name: {{ ternary "NATS_CA" "NATS_CA_FILE" (eq $kind "box") }}
  value: /run/nats-ca/ca.crt
{{- end }}
{{- end }}

{{- define "aegis.clientMounts" -}}
{{- if and .Values.nats.clients.existingSecret (eq .Values.nats.clients.method "creds") }}
- {name: nats-client, mountPath: /run/nats-client, readOnly: true}
{{- end }}
{{- if .Values.nats.tls.clients.existingSecret }}
- {name: nats-ca, mountPath: /run/nats-ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "aegis.clientVolumes" -}}
{{- with .Values.nats.clients }}
{{- if and .existingSecret (eq .method "creds") }}
- name: nats-client
  secret: {secretName: {{ .existingSecret }}, items: [{key: nats.creds, path: nats.creds}]}
{{- end }}
{{- end }}
{{- with .Values.nats.tls.clients.existingSecret }}
- name: nats-ca
  secret: {secretName: {{ . }}, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- end }}

{{- /* (list $ NAME HOST PORT): an init container that waits until a port accepts connections. */ -}}
{{- define "aegis.waitFor" -}}
{{- $root := first . -}}
- name: {{ index . 1 }}
  {{- include "library.container" (list $root (include "aegis.boxImage" $root) (dict "requests" (dict "cpu" "10m" "memory" "8Mi") "limits" (dict "memory" "32Mi"))) | nindent 2 }}
  command: [sh, -c]
  args:
    - until nc -w 2 {{ index . 2 }} {{ last . }} </dev/null >/dev/null 2>&1; do echo waiting for {{ index . 2 }}; sleep 1; done
{{- end }}
