{{- /* Environment and mounts of a container with the command-line client: it uses the context `default`. */ -}}
{{- define "aegis.box" -}}
env:
  - name: NATS_CONTEXT
    value: default
  - name: XDG_CONFIG_HOME
    value: /etc/nats-box
  {{- with include "aegis.clientEnv" (list . "box") | trim }}{{ . | nindent 2 }}{{ end }}
volumeMounts:
  - {name: contexts, mountPath: /etc/nats-box/nats/context, readOnly: true}
  - {name: tmp, mountPath: /tmp}
  {{- with include "aegis.clientMounts" . | trim }}{{ . | nindent 2 }}{{ end }}
{{- end }}

{{- define "aegis.boxVolumes" -}}
- name: contexts
  secret: {secretName: {{ .Release.Name }}-nats-box-contexts}
- name: tmp
  emptyDir: {}
{{- with include "aegis.clientVolumes" . | trim }}{{ . | nindent 0 }}{{ end }}
{{- end }}
