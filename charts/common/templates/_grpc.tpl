{{/* A grpc.aio service: its Deployment, its probes and the headless Service that lets clients balance over its pods. */}}

{{/* Settings that every service has. A service's own follow in its chart's "extraEnv". */}}
{{- define "common.grpc.env" -}}
{{- $prefix := printf "TUMORCAST_%s_" (upper .Chart.Name) -}}
- name: {{ $prefix }}HOST
  value: 0.0.0.0
- name: {{ $prefix }}PORT
  value: {{ include "common.grpcPort" . | quote }}
- name: {{ $prefix }}LOG_LEVEL
  value: {{ .Values.logLevel }}
- name: {{ $prefix }}DRAIN_S
  value: {{ .Values.shutdown.drainSeconds | quote }}
- name: {{ $prefix }}MAX_CONCURRENT_CALLS
  value: {{ int .Values.maxConcurrentCalls | quote }}
- name: OMP_NUM_THREADS # or numerical libraries start a thread for every core of the node
  valueFrom:
    resourceFieldRef:
      resource: limits.cpu
{{- end }}

{{/* Health by grpc.health.v1. A gRPC probe takes a port's number, not its name. */}}
{{- define "common.grpc.probes" -}}
{{- $port := include "common.grpcPort" . -}}
startupProbe:
  grpc: {port: {{ $port }}}
  periodSeconds: 2
  failureThreshold: 60
readinessProbe:
  grpc: {port: {{ $port }}}
  periodSeconds: 5
  timeoutSeconds: 2
  failureThreshold: 2
livenessProbe:
  grpc: {port: {{ $port }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- end }}

{{/* Takes {root, extraPorts, extraEnv, extraMounts, extraVolumes, probes}; all but the first are YAML and may be
absent. */}}
{{- define "common.grpc.deployment" -}}
{{- $ := .root -}}
{{- $probes := include "common.grpc.probes" $ | fromYaml -}}
{{- with .probes }}{{ range $name, $probe := fromYaml . }}{{ $_ := set $probes $name $probe }}{{ end }}{{ end -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "common.fullname" $ }}
  labels: {{- include "common.labels" $ | nindent 4 }}
spec:
  replicas: {{ int $.Values.replicas }}
  selector:
    matchLabels: {{- include "common.selectorLabels" $ | nindent 6 }}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  template:
    metadata:
      labels: {{- include "common.podLabels" $ | nindent 8 }}
    spec:
      {{- include "common.podSpec" $ | nindent 6 }}
      terminationGracePeriodSeconds: {{ include "common.terminationGracePeriodSeconds" $ }}
      containers:
        - name: {{ $.Chart.Name }}
          {{- include "common.container" $ | nindent 10 }}
          ports:
            - name: grpc
              containerPort: {{ include "common.grpcPort" $ }}
            {{- with .extraPorts }}{{ . | nindent 12 }}{{ end }}
          env:
            {{- include "common.grpc.env" $ | nindent 12 }}
            {{- with .extraEnv }}{{ . | nindent 12 }}{{ end }}
          {{- toYaml $probes | nindent 10 }}
          lifecycle: {{- include "common.lifecycle" $ | nindent 12 }}
          resources: {{- toYaml $.Values.resources | nindent 12 }}
          volumeMounts:
            {{- include "common.tmpMount" $ | nindent 12 }}
            {{- with .extraMounts }}{{ . | nindent 12 }}{{ end }}
      volumes:
        {{- include "common.tmpVolume" $ | nindent 8 }}
        {{- with .extraVolumes }}{{ . | nindent 8 }}{{ end }}
{{- end }}

{{/* Headless: DNS answers with every ready pod, and gRPC clients take them in turn. */}}
{{- define "common.grpc.headlessService" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "common.fullname" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
spec:
  clusterIP: None
  selector: {{- include "common.selectorLabels" . | nindent 4 }}
  ports:
    - name: grpc
      port: {{ include "common.grpcPort" . }}
      targetPort: grpc
{{- end }}
