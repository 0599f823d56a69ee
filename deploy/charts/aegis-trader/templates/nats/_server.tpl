{{- define "aegis.serverMounts" -}}
{{- if .Values.nats.auth.existingSecret }}
- {name: auth, mountPath: /etc/nats-auth, readOnly: true}
{{- end }}
{{- if .Values.nats.tls.clients.existingSecret }}
- {name: clients-tls, mountPath: /etc/nats-certs/clients, readOnly: true}
{{- end }}
{{- if and (gt (int .Values.nats.replicas) 1) .Values.nats.tls.routes.existingSecret }}
- {name: routes-tls, mountPath: /etc/nats-certs/routes, readOnly: true}
{{- end }}
{{- end }}

{{- /*
The volume of each server. An existing StatefulSet keeps its own, because it is immutable: one that another chart has created can
have a storage class or labels that this chart does not set. templates/checks.yaml compares the sizes.
*/ -}}
{{- define "aegis.claims" -}}
{{- $existing := lookup "apps/v1" "StatefulSet" .Release.Namespace (printf "%s-nats" .Release.Name) -}}
{{- $claim := first (dig "spec" "volumeClaimTemplates" (list dict) $existing) -}}
- metadata:
    name: {{ .Release.Name }}-nats-js
    {{- with dig "metadata" "labels" dict $claim }}
    labels: {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with dig "metadata" "annotations" dict $claim }}
    annotations: {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    {{- if $claim }}
    {{- toYaml $claim.spec | nindent 4 }}
    {{- else }}
    accessModes: [ReadWriteOnce]
    {{- with .Values.nats.jetstream.storage.storageClassName }}
    storageClassName: {{ . }}
    {{- end }}
    resources:
      requests: {storage: {{ .Values.nats.jetstream.storage.size }}}
    {{- end }}
{{- end }}
