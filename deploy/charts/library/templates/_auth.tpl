{{- /*
The credentials that a service of `common` accepts: auth has internalToken, readToken, adminSecret and jwtSecret, each {existingSecret, key};
service is the name of the service. They are files, because services re-read files when they change; variables would need a restart.
*/ -}}

{{- define "library.authEnv" -}}
{{- if .auth.internalToken.existingSecret }}
- name: INTERNAL_TOKEN_FILE
  value: /run/secrets/{{ .service }}/token
{{- end }}
{{- if .auth.readToken.existingSecret }}
- name: READ_TOKEN_FILE
  value: /run/secrets/read/read-token
{{- end }}
{{- if .auth.adminSecret.existingSecret }}
- name: ADMIN_SECRET_FILE
  value: /run/secrets/admin/admin-secret
{{- end }}
{{- if .auth.jwtSecret.existingSecret }}
- name: JWT_SECRET_FILE
  value: /run/secrets/jwt/jwt-secret
{{- end }}
{{- end }}

{{- define "library.authMounts" -}}
{{- if .auth.internalToken.existingSecret }}
- {name: token, mountPath: /run/secrets/{{ .service }}, readOnly: true}
{{- end }}
{{- if .auth.readToken.existingSecret }}
- {name: read-token, mountPath: /run/secrets/read, readOnly: true}
{{- end }}
{{- if .auth.adminSecret.existingSecret }}
- {name: admin-secret, mountPath: /run/secrets/admin, readOnly: true}
{{- end }}
{{- if .auth.jwtSecret.existingSecret }}
- {name: jwt-secret, mountPath: /run/secrets/jwt, readOnly: true}
{{- end }}
{{- end }}

{{- define "library.authVolumes" -}}
{{- with .auth.internalToken }}
{{- if .existingSecret }}
- name: token
  secret: {secretName: {{ .existingSecret }}, items: [{key: {{ .key }}, path: token}]}
{{- end }}
{{- end }}
{{- with .auth.readToken }}
{{- if .existingSecret }}
- name: read-token
  secret: {secretName: {{ .existingSecret }}, items: [{key: {{ .key }}, path: read-token}]}
{{- end }}
{{- end }}
{{- with .auth.adminSecret }}
{{- if .existingSecret }}
- name: admin-secret
  secret: {secretName: {{ .existingSecret }}, items: [{key: {{ .key }}, path: admin-secret}]}
{{- end }}
{{- end }}
{{- with .auth.jwtSecret }}
{{- if .existingSecret }}
- name: jwt-secret
  secret: {secretName: {{ .existingSecret }}, items: [{key: {{ .key }}, path: jwt-secret}]}
{{- end }}
{{- end }}
{{- end }}
