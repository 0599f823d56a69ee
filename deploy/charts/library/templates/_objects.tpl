{{- /* Objects that look the same everywhere. */ -}}

{{- /* (list $ OBJECT COMPONENT) */ -}}
{{- define "library.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "library.metadata" . | nindent 2 }}
{{- end }}

{{- /* root, name, ports: {NAME: PORT}; object where it is not called like the component; headless: true for a StatefulSet's. */ -}}
{{- define "library.service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "library.metadata" (list .root (.object | default .name) .name) | nindent 2 }}
spec:
  type: ClusterIP
  {{- if .headless }}
  clusterIP: None
  # Members find each other before they are ready.
  publishNotReadyAddresses: true
  {{- end }}
  selector:
    {{- include "library.selector" (list .root .name) | nindent 4 }}
  ports:
    {{- range $name, $port := .ports }}
    - {name: {{ $name }}, port: {{ $port }}, targetPort: {{ $name }}}
    {{- end }}
{{- end }}

{{- /* One pod at a time: (list $ COMPONENT). Where there is only one, a budget would keep its node from being drained. */ -}}
{{- define "library.podDisruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "library.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  # A pod that is not ready serves nobody; it must not keep its node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "library.selector" . | nindent 6 }}
{{- end }}
