{{- /* (list $ OBJECT COMPONENT) */ -}}
{{- define "library.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "library.metadata" . | nindent 2 }}
{{- end }}

{{- /* root; name of the component; ports: {NAME: PORT}; object: the Service's name, by default that of the component; headless: true for a StatefulSet. */ -}}
{{- define "library.service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "library.metadata" (list .root (.object | default .name) .name) | nindent 2 }}
spec:
  type: ClusterIP
  {{- if .headless }}
  clusterIP: None
  # The members must find each other before they are ready.
  publishNotReadyAddresses: true
  {{- end }}
  selector:
    {{- include "library.selector" (list .root .name) | nindent 4 }}
  ports:
    {{- range $name, $port := .ports }}
    - {name: {{ $name }}, port: {{ $port }}, targetPort: {{ $name }}}
    {{- end }}
{{- end }}

{{- /* (list $ OBJECT COMPONENT), or (list $ COMPONENT). For components with several replicas: for a single pod, a budget would block the draining of its node. */ -}}
{{- define "library.podDisruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "library.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  # A pod that is not ready must not block the draining of its node.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "library.selector" . | nindent 6 }}
{{- end }}
