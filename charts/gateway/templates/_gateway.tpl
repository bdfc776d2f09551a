{{/* The gateway's own settings and ports. */}}

{{- define "gateway.restPort" -}}
8080
{{- end }}

{{- define "gateway.ports" -}}
- name: http
  containerPort: {{ include "gateway.restPort" . }}
{{- end }}

{{/* REST is what most callers use, so readiness asks it; start and life are asked over gRPC. Not /readyz: a gateway whose
fusion is down still says so, which a Service without endpoints could not. */}}
{{- define "gateway.readinessProbe" -}}
httpGet: {path: /healthz, port: http}
periodSeconds: 5
timeoutSeconds: 2
failureThreshold: 2
{{- end }}

{{- define "gateway.env" -}}
- name: TUMORCAST_GATEWAY_REST_PORT
  value: {{ include "gateway.restPort" . | quote }}
- name: TUMORCAST_GATEWAY_INSECURE_DEMO
  value: {{ .Values.auth.insecureDemo | quote }}
{{- range $service, $target := .Values.targets }}
{{- $port := index (include "common.grpcPorts" $ | fromYaml) $service }}
- name: TUMORCAST_GATEWAY_{{ upper $service }}_TARGET
  value: {{ $target | default (printf "dns:///%s-%s:%v" $.Release.Name $service $port) | quote }}
{{- end }}
{{- end }}
