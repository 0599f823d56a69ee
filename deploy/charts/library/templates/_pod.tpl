{{- /* Pods and containers that meet the Pod Security Standard `restricted`. */ -}}

{{- /*
The start of a pod's spec:
  root            the chart's $
  user            uid and gid, by default 65532
  fsGroup         true if the pod writes to a volume, or reads one that only the group can read
  serviceAccount  its name, by default the namespace's default ServiceAccount
  token           true if the pod calls the API server; other pods have no token
*/ -}}
{{- define "library.pod" -}}
{{- $user := .user | default 65532 -}}
{{- with .serviceAccount -}}
serviceAccountName: {{ . }}
{{ end -}}
automountServiceAccountToken: {{ .token | default false }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $user }}
  runAsGroup: {{ $user }}
  {{- if .fsGroup }}
  fsGroup: {{ $user }}
  {{- end }}
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "library.spread" -}}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "library.selector" . | nindent 14 }}
{{- end }}

{{- /* (list $ IMAGE): a name gets the values' registry and tag; a name with a tag or a digest is complete. */ -}}
{{- define "library.image" -}}
{{- $image := (first .).Values.image -}}
{{- $name := index . 1 -}}
{{- if contains ":" $name -}}
{{ $name }}
{{- else -}}
{{ with $image.registry }}{{ . }}/{{ end }}{{ $name }}:{{ $image.tag }}
{{- end -}}
{{- end }}

{{- define "library.container" -}}
image: {{ include "library.image" . }}
imagePullPolicy: IfNotPresent
resources:
  {{- toYaml (last .) | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- /* On the container's port `http`. The container has 30 seconds to start, or `tries` seconds. */ -}}
{{- define "library.httpProbes" -}}
startupProbe:
  httpGet: {path: {{ .live }}, port: http}
  periodSeconds: 1
  failureThreshold: {{ .tries | default 30 }}
livenessProbe:
  httpGet: {path: {{ .live }}, port: http}
readinessProbe:
  httpGet: {path: {{ .ready }}, port: http}
  periodSeconds: 5
{{- end }}

{{- /* (list SETTINGS DEFAULT): the port that a service listens on. Its Service keeps the default port. */ -}}
{{- define "library.listenPort" -}}
{{- with (first .).LISTEN_ADDR }}{{ regexFind "[0-9]+$" . }}{{ else }}{{ last . }}{{ end -}}
{{- end }}

{{- /* Given $. Delays the end of a container: new requests arrive until every node has removed the pod from the Service. */ -}}
{{- define "library.stopDelay" -}}
{{- if semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version -}}
lifecycle:
  preStop: {sleep: {seconds: 3}}
{{- end -}}
{{- end }}

{{- define "library.secretEnv" -}}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef: {name: {{ index . 1 }}, key: {{ index . 2 }}}
{{- end }}
