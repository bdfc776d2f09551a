{{/* A grpc.aio service: its Deployment, its probes and the headless Service that lets clients balance over its pods. */}}

{{/* Settings that every service has. A service's own follow in its chart's "extraEnv". */}}
{{- define "common.grpc.env" -}}
{{- $prefix := printf "TUMORCAST_%s_" (upper .Chart.Name) -}}
- name: {{ $prefix }}HOST
  value: 0.0.0.0
- name: {{ $prefix }}PORT
  value: {{ include "common.grpcPort" . | quote }}
- name: {{ $prefix }}HEALTH_PORT
  value: {{ include "common.healthPort" . | quote }}
- name: {{ $prefix }}METRICS_HOST
  value: 0.0.0.0
- name: {{ $prefix }}METRICS_PORT
  value: {{ include "common.metricsPort" . | quote }}
- name: {{ $prefix }}LOG_LEVEL
  value: {{ .Values.logLevel }}
- name: {{ $prefix }}DRAIN_S
  value: {{ .Values.shutdown.drainSeconds | quote }}
- name: {{ $prefix }}MAX_CONCURRENT_CALLS
  value: {{ int .Values.maxConcurrentCalls | quote }}
{{- with .Values.global.monitoring.otlpEndpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
- name: OMP_NUM_THREADS # or numerical libraries start a thread for every core of the node
  valueFrom:
    resourceFieldRef:
      resource: limits.cpu
{{- end }}

{{/* Health by grpc.health.v1, on a port of its own that stays in clear, since kubelets before 1.37 ask in clear only.
A gRPC probe takes a port's number, not its name. */}}
{{- define "common.grpc.probes" -}}
{{- $port := include "common.healthPort" . -}}
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

{{/* Ports of a pod beside those of its callers. */}}
{{- define "common.grpc.ports" -}}
- name: grpc
  containerPort: {{ include "common.grpcPort" . }}
- name: metrics
  containerPort: {{ include "common.metricsPort" . }}
- name: health
  containerPort: {{ include "common.healthPort" . }}
{{- end }}

{{/* The fields of a Deployment that say, or leave open, how many pods it has, as YAML {annotations, replicas}. Where an
autoscaler decides, no number stands there, or every upgrade would take its decision back. But where the release has had
one, leaving it out would take the Deployment to Kubernetes' default of 1 pod (Helm 3 removes the field; so does an apply
of which nobody else owns it): then the number is the one that runs. The annotation tells that none has been written. */}}
{{- define "common.grpc.replicas" -}}
{{- $auto := .Values.autoscaling -}}
{{- $live := dict -}}
{{- if $auto.enabled }}{{ $live = lookup "apps/v1" "Deployment" .Release.Namespace (include "common.fullname" .) }}{{ end -}}
{{- if not $auto.enabled -}}
replicas: {{ int .Values.replicas }}
{{- else if and $live (ne (dig "metadata" "annotations" "tumorcast/replicas-by" "" $live) "autoscaler") -}}
replicas: {{ max (dig "spec" "replicas" 1 $live) $auto.minReplicas }}
{{- else -}}
annotations:
  tumorcast/replicas-by: autoscaler
{{- end }}
{{- end }}

{{/* Takes {root, extraPorts, extraEnv, extraMounts, extraVolumes, probes, strategy}; all but the first are YAML and may
be absent. */}}
{{- define "common.grpc.deployment" -}}
{{- $ := .root -}}
{{- $probes := include "common.grpc.probes" $ | fromYaml -}}
{{- $replicas := include "common.grpc.replicas" $ | fromYaml -}}
{{- with .probes }}{{ range $name, $probe := fromYaml . }}{{ $_ := set $probes $name $probe }}{{ end }}{{ end -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "common.fullname" $ }}
  labels: {{- include "common.labels" $ | nindent 4 }}
  {{- with $replicas.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- if hasKey $replicas "replicas" }}
  replicas: {{ int $replicas.replicas }}
  {{- end }}
  selector:
    matchLabels: {{- include "common.selectorLabels" $ | nindent 6 }}
  strategy:
    {{- .strategy | default (include "common.grpc.strategy" $) | nindent 4 }}
  template:
    metadata:
      labels: {{- include "common.podLabels" $ | nindent 8 }}
    spec:
      serviceAccountName: {{ include "common.fullname" $ }}
      {{- include "common.podSpec" $ | nindent 6 }}
      {{- with include "common.placement" $ }}{{ . | nindent 6 }}{{ end }}
      terminationGracePeriodSeconds: {{ include "common.terminationGracePeriodSeconds" $ }}
      containers:
        - name: {{ $.Chart.Name }}
          {{- include "common.container" $ | nindent 10 }}
          ports:
            {{- include "common.grpc.ports" $ | nindent 12 }}
            {{- with .extraPorts }}{{ . | nindent 12 }}{{ end }}
          env:
            {{- include "common.grpc.env" $ | nindent 12 }}
            {{- with include "common.mtls.env" $ }}{{ . | nindent 12 }}{{ end }}
            {{- with .extraEnv }}{{ . | nindent 12 }}{{ end }}
          {{- toYaml $probes | nindent 10 }}
          lifecycle: {{- include "common.lifecycle" $ | nindent 12 }}
          resources: {{- toYaml $.Values.resources | nindent 12 }}
          volumeMounts:
            {{- include "common.tmpMount" $ | nindent 12 }}
            {{- with include "common.mtls.mounts" $ }}{{ . | nindent 12 }}{{ end }}
            {{- with .extraMounts }}{{ . | nindent 12 }}{{ end }}
      volumes:
        {{- include "common.tmpVolume" $ | nindent 8 }}
        {{- with include "common.mtls.volumes" $ }}{{ . | nindent 8 }}{{ end }}
        {{- with .extraVolumes }}{{ . | nindent 8 }}{{ end }}
{{- end }}

{{/* A pod goes only when its successor is ready. */}}
{{- define "common.grpc.strategy" -}}
type: RollingUpdate
rollingUpdate:
  maxUnavailable: 0
  maxSurge: 1
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
    - name: metrics
      port: {{ include "common.metricsPort" . }}
      targetPort: metrics
{{- end }}
