{{- /* Peers have the format of NetworkPolicy peers; an empty list of peers allows all peers. */ -}}

{{- /* (list $ OBJECT): denies all traffic of the release's pods unless another policy allows it. Other pods of the namespace are not affected. */ -}}
{{- define "library.denyAll" -}}
{{- $root := first . -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "library.metadata" (list $root (last .) $root.Chart.Name) | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/part-of: {{ $root.Chart.Name }}
      app.kubernetes.io/instance: {{ $root.Release.Name }}
  policyTypes: [Ingress, Egress]
{{- end }}

{{- /* root; name of the component; object: the policy's name, by default that of the component; ingress and egress: lists of rules, each {peers, ports, protocols}, where protocols is [TCP] by default. */ -}}
{{- define "library.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "library.metadata" (list .root (.object | default .name) .name) | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "library.selector" (list .root .name) | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- with .ingress }}
  ingress:
    {{- range . }}
    - {{ include "library.networkRule" (dict "direction" "from" "rule" .) | nindent 6 | trim }}
    {{- end }}
  {{- end }}
  {{- with .egress }}
  egress:
    {{- range . }}
    - {{ include "library.networkRule" (dict "direction" "to" "rule" .) | nindent 6 | trim }}
    {{- end }}
  {{- end }}
{{- end }}

{{- define "library.networkRule" -}}
{{- $protocols := .rule.protocols | default (list "TCP") -}}
ports:
  {{- range $port := .rule.ports }}
  {{- range $protocols }}
  - {protocol: {{ . }}, port: {{ $port }}}
  {{- end }}
  {{- end }}
{{- with .rule.peers }}
{{ $.direction }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* (list $ COMPONENT): the pods of a component of the release, as a JSON list of peers. */ -}}
{{- define "library.peers" -}}
{{- list (dict "podSelector" (dict "matchLabels" (include "library.selector" . | fromYaml))) | toJson -}}
{{- end }}
