{{/* The Ray cluster's groups of pods. KubeRay writes the `ray start` command and the probes of each container. */}}

{{/* Pod template of a group. Takes {root, cpus, memory, gpus, ports, studies, nodeSelector, tolerations}. */}}
{{- define "imaging.podTemplate" -}}
{{- $ := .root -}}
metadata:
  labels: {{- include "common.podLabels" $ | nindent 4 }}
spec:
  {{- include "common.podSpec" $ | nindent 2 }}
  terminationGracePeriodSeconds: {{ include "common.terminationGracePeriodSeconds" $ }}
  {{- with .nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: ray
      {{- include "common.container" $ | nindent 6 }}
      ports: {{- .ports | nindent 8 }}
      env: {{- include "imaging.env" $ | nindent 8 }}
      lifecycle: {{- include "common.lifecycle" $ | nindent 8 }}
      resources:
        {{- $resources := dict "cpu" (toString (int .cpus)) "memory" .memory }}
        {{- if .gpus }}{{ $_ := set $resources "nvidia.com/gpu" (toString (int .gpus)) }}{{ end }}
        requests: {{- toYaml $resources | nindent 10 }}
        limits: {{- toYaml $resources | nindent 10 }}
      volumeMounts:
        {{- include "common.tmpMount" $ | nindent 8 }}
        {{- if .studies }}
        - name: studies
          mountPath: {{ include "imaging.studiesPath" $ }}
        {{- end }}
  volumes:
    {{- include "common.tmpVolume" $ | nindent 4 }}
    {{- if .studies }}
    - name: studies
      {{- if $.Values.studies.existingClaim }}
      persistentVolumeClaim:
        claimName: {{ $.Values.studies.existingClaim }}
      {{- else }}
      emptyDir:
        sizeLimit: {{ $.Values.studies.emptyDirSize }}
      {{- end }}
    {{- end }}
{{- end }}

{{- define "imaging.studiesPath" -}}
/studies
{{- end }}

{{/* Ray writes its session below /tmp and reports to nobody. The service's own settings are in the Serve configuration. */}}
{{- define "imaging.env" -}}
- name: HOME
  value: /tmp
- name: RAY_USAGE_STATS_ENABLED
  value: "0"
- name: RAY_SERVE_GRPC_MAX_MESSAGE_SIZE # 64 MiB, as every Tumorcast service
  value: "67108864"
{{- end }}

{{/* Ports that a replica's proxy opens; the names decide which of them KubeRay puts on the Service. */}}
{{- define "imaging.servePorts" -}}
- name: serve
  containerPort: 8000
- name: serve-grpc
  containerPort: {{ include "common.grpcPort" . }}
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

{{/*
A worker group of N pods, each offering one unit of its own custom resource. Takes {root, group, resource, pods, template}.
The bounds are for Ray's autoscaler, which is off; as constants they keep a change of replicas a mere change of replicas.
*/}}
{{- define "imaging.workerGroup" -}}
groupName: {{ .group }}
replicas: {{ int .pods }}
minReplicas: 0
maxReplicas: 1000
rayStartParams:
  resources: {{ printf "{%q: 1}" .resource | quote | squote }}
template: {{- .template | nindent 2 }}
{{- end }}
