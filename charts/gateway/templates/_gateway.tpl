{{/* Ports, probes, addresses and names of the gateway. */}}

{{- define "gateway.restPort" -}}
8080
{{- end }}

{{- define "gateway.ports" -}}
- name: http
  containerPort: {{ include "gateway.restPort" . }}
{{- end }}

{{/* The doors, as the Services show them. */}}
{{- define "gateway.servicePorts" -}}
{{- $scheme := include "gateway.scheme" . -}}
- name: http
  port: {{ include "gateway.restPort" . }}
  targetPort: http
  appProtocol: {{ $scheme }}
- name: grpc
  port: {{ include "common.grpcPort" . }}
  targetPort: grpc
  appProtocol: {{ eq $scheme "https" | ternary "https" "kubernetes.io/h2c" }}
{{- end }}

{{/* The secret with the certificate of both doors; empty if the pod does not end TLS. */}}
{{- define "gateway.tlsSecret" -}}
{{- if .Values.tls.certificate.dnsNames -}}
{{ include "common.fullname" . }}-tls
{{- else -}}
{{ .Values.tls.existingSecret }}
{{- end }}
{{- end }}

{{- define "gateway.scheme" -}}
{{ empty (include "gateway.tlsSecret" .) | ternary "http" "https" }}
{{- end }}

{{/* REST is what most callers use, so readiness asks it, unless clients need a certificate, which kubelets have not.
Not /readyz: a gateway whose fusion is down still says so, which a Service without endpoints could not. */}}
{{- define "gateway.probes" -}}
{{- if not .Values.tls.clientCA.existingConfigMap -}}
readinessProbe:
  httpGet: {path: /healthz, port: http, scheme: {{ include "gateway.scheme" . | upper }}}
  periodSeconds: 5
  timeoutSeconds: 2
  failureThreshold: 2
{{- end }}
{{- end }}

{{/* Where a service of this release answers; with TLS within, imaging has a port of its own for it. */}}
{{- define "gateway.target" -}}
dns:///{{ .root.Release.Name }}-{{ .service }}:{{ index (include "gateway.calls" .root | fromYaml) .service | first }}
{{- end }}

{{/* Ports of the services that it calls, by name. */}}
{{- define "gateway.calls" -}}
{{- range $service, $port := include "common.grpcPorts" . | fromYaml }}
{{- if ne $service "gateway" }}
{{ $service }}: [{{ and (eq $service "imaging") $.Values.global.mtls.enabled | ternary 9443 $port }}]
{{- end }}
{{- end }}
{{- end }}
