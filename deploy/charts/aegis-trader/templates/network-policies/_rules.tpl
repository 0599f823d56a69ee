{{- define "aegis.dnsRule" -}}
{{- merge (dict "protocols" (list "UDP" "TCP")) .Values.networkPolicies.dns | toJson -}}
{{- end }}

{{- /* (list $ COMPONENT PORT...): a rule for a component of the release. */ -}}
{{- define "aegis.componentRule" -}}
{{- dict "ports" (slice . 2) "peers" (include "library.peers" (slice . 0 2) | fromJsonArray) | toJson -}}
{{- end }}

{{- /* (dict "root" $ "callers" {NAME: PEER} "components" [COMPONENT] "port" PORT): a list of one ingress rule, or an empty list. */ -}}
{{- define "aegis.ingress" -}}
{{- $peers := list -}}
{{- range .callers }}{{ $peers = append $peers . }}{{ end -}}
{{- range .components }}{{ $peers = concat $peers (include "library.peers" (list $.root .) | fromJsonArray) }}{{ end -}}
{{- if $peers -}}
{{- list (dict "ports" (list .port) "peers" $peers) | toJson -}}
{{- else -}}
[]
{{- end -}}
{{- end }}
