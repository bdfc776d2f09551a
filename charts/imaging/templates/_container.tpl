{{/* What the Ray containers see: environment, folders, and the container that ends TLS beside them. */}}

{{/*
Ray writes its session below /tmp, its logs to the container's, and reports to nobody. The service's own settings are in the
Serve configuration.
*/}}
{{- define "imaging.env" -}}
- name: HOME
  value: /tmp
- name: RAY_USAGE_STATS_ENABLED
  value: "0"
- name: RAY_LOG_TO_STDERR # or `kubectl logs` shows nothing of the replicas
  value: "1"
- name: RAY_BACKEND_LOG_LEVEL # of Ray's daemons, which say a great deal
  value: warning
- name: RAY_SERVE_GRPC_MAX_MESSAGE_SIZE # 64 MiB, as every Tumorcast service
  value: "67108864"
- name: RAY_max_direct_call_object_size # a crop goes with its call, not by the object store
  value: "4194304"
{{- if eq .Values.proxy "haproxy" }}
- name: RAY_SERVE_ENABLE_HA_PROXY
  value: "1"
- name: RAY_SERVE_HAPROXY_BINARY_PATH
  value: /etc/tumorcast/launcher/haproxy
- name: RAY_SERVE_HAPROXY_H2_FE_INITIAL_WINDOW_SIZE # windows that hold an upload in flight
  value: "8388608"
- name: RAY_SERVE_HAPROXY_H2_BE_INITIAL_WINDOW_SIZE
  value: "8388608"
- name: RAY_SERVE_HAPROXY_TUNE_BUFSIZE
  value: "262144"
- name: RAY_SERVE_HAPROXY_H2_MAX_FRAME_SIZE
  value: "131072"
- name: RAY_SERVE_HAPROXY_METRICS_ENABLED
  value: "0"
- name: RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S
  value: {{ int .Values.shutdown.leaveSeconds | quote }}
- name: GRPC_HOST # of the launcher; the container "door" is the only way in where there is one
  value: {{ ternary "127.0.0.1" "0.0.0.0" .Values.global.mtls.enabled }}
{{- else }}
- name: RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH # or Serve's proxy takes the gateway's pings for an attack
  value: tumorcast_imaging.loopback.bind_to_loopback
{{- end }}
{{- with .Values.global.monitoring.otlpEndpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "imaging.studiesPath" -}}
/studies
{{- end }}

{{- define "imaging.encoderPath" -}}
/encoders
{{- end }}

{{- define "imaging.dicomwebSecretPath" -}}
/etc/tumorcast/dicomweb-secret
{{- end }}

{{- define "imaging.dicomwebCaPath" -}}
/etc/tumorcast/dicomweb-ca
{{- end }}

{{/* Takes what "imaging.podTemplate" takes. */}}
{{- define "imaging.mounts" -}}
{{- $ := .root }}
{{- if eq $.Values.proxy "haproxy" }}
- name: launcher
  mountPath: /etc/tumorcast/launcher
  readOnly: true
{{- end }}
{{- if $.Values.encoderFolder.existingClaim }}
- name: encoders
  mountPath: {{ include "imaging.encoderPath" $ }}
  readOnly: true
{{- end }}
{{- if .studies }}
- name: studies
  mountPath: {{ include "imaging.studiesPath" $ }}
{{- if $.Values.studies.dicomweb.existingSecret }}
- name: dicomweb-secret
  mountPath: {{ include "imaging.dicomwebSecretPath" $ }}
  readOnly: true
{{- end }}
{{- if $.Values.studies.dicomweb.ca.existingConfigMap }}
- name: dicomweb-ca
  mountPath: {{ include "imaging.dicomwebCaPath" $ }}
  readOnly: true
{{- end }}
{{- end }}
{{- end }}

{{- define "imaging.volumes" -}}
{{- $ := .root }}
{{- if eq $.Values.proxy "haproxy" }}
- name: launcher
  configMap:
    name: {{ include "common.fullname" $ }}-launcher
    defaultMode: 0555
{{- end }}
{{- with $.Values.encoderFolder.existingClaim }}
- name: encoders
  persistentVolumeClaim:
    claimName: {{ . }}
    readOnly: true
{{- end }}
{{- if .studies }}
- name: studies
  {{- with $.Values.studies.existingClaim }}
  persistentVolumeClaim:
    claimName: {{ . }}
  {{- else }}
  emptyDir:
    sizeLimit: {{ $.Values.studies.emptyDirSize }}
  {{- end }}
{{- with $.Values.studies.dicomweb }}{{ if .existingSecret }}
- name: dicomweb-secret # only the key that is used, readable by the pod's group alone
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      - key: {{ .secretKey }}
        path: {{ .secretKey }}
{{- end }}{{ end }}
{{- with $.Values.studies.dicomweb.ca }}{{ if .existingConfigMap }}
- name: dicomweb-ca
  configMap:
    name: {{ .existingConfigMap }}
    items:
      - key: {{ .configMapKey }}
        path: {{ .configMapKey }}
{{- end }}{{ end }}
{{- end }}
{{- end }}

{{/*
Ends TLS for callers, who show certificates, in every pod that KubeRay puts behind the Service: Serve's port has none. A
sidecar in Kubernetes' sense: it starts before Ray and ends after it.
*/}}
{{- define "imaging.door" -}}
name: door
restartPolicy: Always
{{ include "common.container" . }}
command: [python, -m, tumorcast_imaging.tls_door]
env:
  - name: HOME
    value: /tmp
  - name: TUMORCAST_IMAGING_HOST
    value: 0.0.0.0
  - name: TUMORCAST_IMAGING_PORT
    value: {{ include "imaging.doorPort" . | quote }}
  - name: TUMORCAST_IMAGING_DOOR_TO
    value: 127.0.0.1:{{ include "common.grpcPort" . }}
  - name: TUMORCAST_IMAGING_LOG_LEVEL
    value: {{ .Values.logLevel }}
  - name: TUMORCAST_IMAGING_DRAIN_S
    value: {{ int .Values.shutdown.drainSeconds | quote }}
  {{- include "common.mtls.env" . | trim | nindent 2 }}
ports:
  - name: door
    containerPort: {{ include "imaging.doorPort" . }}
startupProbe:
  tcpSocket: {port: {{ include "imaging.doorPort" . }}}
  periodSeconds: 1
  failureThreshold: 60
readinessProbe:
  tcpSocket: {port: {{ include "imaging.doorPort" . }}}
  periodSeconds: 5
livenessProbe:
  tcpSocket: {port: {{ include "imaging.doorPort" . }}}
  periodSeconds: 10
  failureThreshold: 3
resources:
  requests: {cpu: 50m, memory: 192Mi}
  limits: {cpu: "1", memory: 192Mi}
volumeMounts:
  - name: door-tmp
    mountPath: /tmp
  {{- include "common.mtls.mounts" . | nindent 2 }}
{{- end }}
