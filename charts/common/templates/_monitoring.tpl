{{/* Prometheus reads the port "metrics" of the chart's Service. The metrics' own label "service" stays, as dashboards and
alerts know it, where prometheus-operator would write the Service's name. Takes {root, ports}; the ports are "metrics" if
absent. */}}
{{- define "common.serviceMonitor" -}}
{{- $ := .root -}}
{{- $ports := .ports | default (list "metrics") -}}
{{- with $.Values.global.monitoring }}{{ if .enabled -}}
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ include "common.fullname" $ }}
  labels:
    {{- include "common.labels" $ | nindent 4 }}
    {{- with .labels }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  jobLabel: app.kubernetes.io/name
  selector:
    matchLabels: {{- include "common.selectorLabels" $ | nindent 6 }}
  endpoints:
    {{- range $port := $ports }}
    - port: {{ $port }}
      honorLabels: true
      interval: {{ int $.Values.global.monitoring.intervalSeconds }}s
    {{- end }}
{{- end }}{{ end }}
{{- end }}
