{{/* The Ray cluster's groups of pods. KubeRay writes the `ray start` command and the probes of each container. */}}

{{/*
Pod template of a group. Takes {root, group, cpus, memory, gpus, gpuResource, ports, place} and for workers
{worker: true}, for the ingress {studies: true}; place has {nodeSelector, tolerations, priorityClassName, runtimeClassName}.
*/}}
{{- define "imaging.podTemplate" -}}
{{- $ := .root -}}
{{- $autoscaler := and (not .worker) $.Values.autoscaler.enabled -}}
metadata:
  labels: {{- include "imaging.groupLabels" (dict "root" $ "group" .group) | nindent 4 }}
spec:
  {{- include "common.podSpec" $ | nindent 2 }}
  serviceAccountName: {{ include "common.fullname" $ }}{{ if $autoscaler }}-head{{ end }}
  terminationGracePeriodSeconds: {{ include "imaging.terminationGracePeriodSeconds" $ }}
  {{- include "imaging.place" .place | nindent 2 }}
  {{- if .worker }}
  {{- include "common.spread" (dict "spread" $.Values.spread
    "labels" (include "imaging.groupSelector" (dict "root" $ "group" .group))) | nindent 2 }}
  {{- end }}
  {{- if and .worker $.Values.global.mtls.enabled }}
  initContainers:
    - {{- include "imaging.door" $ | nindent 6 }}
  {{- end }}
  containers:
    - name: ray
      {{- include "common.container" $ | nindent 6 }}
      ports: {{- .ports | nindent 8 }}
      env: {{- include "imaging.env" $ | nindent 8 }}
      {{- if .worker }}
      lifecycle: {{- include "imaging.lifecycle" $ | nindent 8 }}
      {{- end }}
      resources:
        {{- $resources := dict "cpu" (toString (int .cpus)) "memory" .memory }}
        {{- if .gpus }}{{ $_ := set $resources .gpuResource (toString (int .gpus)) }}{{ end }}
        requests: {{- toYaml $resources | nindent 10 }}
        limits: {{- toYaml $resources | nindent 10 }}
      volumeMounts:
        {{- include "common.tmpMount" $ | nindent 8 }}
        {{- include "imaging.mounts" . | trim | nindent 8 }}
  volumes:
    {{- include "common.tmpVolume" $ | nindent 4 }}
    {{- include "imaging.volumes" . | trim | nindent 4 }}
    {{- if and .worker $.Values.global.mtls.enabled }}
    - name: door-tmp # in memory: the private key is written there for HAProxy
      emptyDir:
        medium: Memory
        sizeLimit: 16Mi
    {{- include "common.mtls.volumes" $ | nindent 4 }}
    {{- end }}
    {{- if $autoscaler }}
    {{- include "imaging.autoscalerVolumes" $ | nindent 4 }}
    {{- end }}
{{- end }}

{{/* Labels of a group's pods. KubeRay sets ray.io/group to the same; here so that budgets and policies can be checked. */}}
{{- define "imaging.groupLabels" -}}
{{ include "common.podLabels" .root }}
ray.io/group: {{ .group }}
{{- end }}

{{- define "imaging.groupSelector" -}}
{{ include "common.selectorLabels" .root }}
ray.io/group: {{ .group }}
{{- end }}

{{- define "imaging.place" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- end }}

{{/* Leave, drain, and what it takes to start the command that says so to Ray. */}}
{{- define "imaging.terminationGracePeriodSeconds" -}}
{{ add .Values.shutdown.leaveSeconds .Values.shutdown.drainSeconds 20 }}
{{- end }}

{{/*
Before the pod hears SIGTERM, which would end its replicas at once: Ray is told that the node goes, so that Serve starts
replicas elsewhere and stops these when their calls have ended; then the pod waits until they have gone.
*/}}
{{- define "imaging.lifecycle" -}}
preStop:
  exec:
    command:
      - bash
      - -c
      - >-
        ray drain-node --reason DRAIN_NODE_REASON_PREEMPTION --reason-message "the pod ends"
        --deadline-remaining-seconds {{ add .Values.shutdown.leaveSeconds .Values.shutdown.drainSeconds }};
        sleep {{ int .Values.shutdown.leaveSeconds }};
        for ((waited = 0; waited < {{ int .Values.shutdown.drainSeconds }}; waited++));
        do grep --quiet --no-messages '[S]erveReplica' /proc/[0-9]*/cmdline || break; sleep 1; done
{{- end }}

{{- define "imaging.headPorts" -}}
- name: gcs-server
  containerPort: 6379
- name: dashboard
  containerPort: 8265
- name: client
  containerPort: 10001
{{ include "imaging.servePorts" . }}
{{- end }}

{{/* Ports that a replica's proxy opens; the names decide which of them KubeRay puts on the Service. */}}
{{- define "imaging.servePorts" -}}
- name: metrics # Ray's own
  containerPort: {{ include "imaging.rayMetricsPort" . }}
- name: serve
  containerPort: 8000
- name: serve-grpc
  containerPort: {{ include "common.grpcPort" . }}
{{- if .Values.global.mtls.enabled }}
- name: serve-grpcs # the container "door" listens; KubeRay looks for names in this one
  containerPort: {{ include "imaging.doorPort" . }}
{{- end }}
{{- end }}

{{- define "imaging.ingressPorts" -}}
{{ include "imaging.servePorts" . }}
- name: app-metrics # the service's own; "metrics" is Ray's name for Ray's
  containerPort: {{ include "imaging.metricsPort" . }}
{{- end }}

{{- define "imaging.metricsPort" -}}
{{ include "common.metricsPort" . }}
{{- end }}

{{- define "imaging.rayMetricsPort" -}}
8080
{{- end }}

{{- define "imaging.doorPort" -}}
9443
{{- end }}

{{/*
A worker group, whose pods each offer as many units of their own custom resource as they have replicas. Takes
{root, group, perPod, cpus, gpus, pods, template}; `pods` has {fewest, most}. With Ray's autoscaler the bounds are as
wide as can be: KubeRay gives no change of them to a running cluster, and Serve asks for no more pods than it may have.
*/}}
{{- define "imaging.workerGroup" -}}
groupName: {{ .group }}
replicas: {{ int .pods.fewest }}
{{- $autoscaler := .root.Values.autoscaler.enabled }}
minReplicas: {{ $autoscaler | ternary 0 (int .pods.fewest) }}
maxReplicas: {{ $autoscaler | ternary 1000 (int .pods.most) }}
rayStartParams:
  num-cpus: {{ int .cpus | quote }}
  num-gpus: {{ int .gpus | quote }}
  object-store-memory: "268435456" # crops go with their calls, so little is kept here
  metrics-export-port: {{ include "imaging.rayMetricsPort" . | quote }}
  resources: {{ printf "{%q: %d}" .group (int .perPod) | quote | squote }}
template: {{- .template | nindent 2 }}
{{- end }}
