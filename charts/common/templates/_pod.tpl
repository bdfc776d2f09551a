{{/* What every pod has: no rights that it does not need, and no file system to write to but /tmp. */}}

{{/* Fields of a pod's spec. Service links are off: Kubernetes would set TUMORCAST_GATEWAY_PORT=tcp://… and the like. */}}
{{- define "common.podSpec" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with (.Values.global).imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Fields of a container: image and security. */}}
{{- define "common.container" -}}
image: {{ include "common.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  privileged: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* The one writable folder; its size counts against the pod's ephemeral storage. */}}
{{- define "common.tmpVolume" -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ .Values.tmpSize }}
{{- end }}

{{- define "common.tmpMount" -}}
- name: tmp
  mountPath: /tmp
{{- end }}

{{/* Seconds that a pod may take to end: leave the endpoints, drain, and a margin. */}}
{{- define "common.terminationGracePeriodSeconds" -}}
{{ add .Values.shutdown.leaveSeconds .Values.shutdown.drainSeconds 5 }}
{{- end }}

{{/* Wait until the endpoints have forgotten this pod, before it hears SIGTERM and drains. */}}
{{- define "common.lifecycle" -}}
preStop:
  exec:
    command: [sleep, {{ .Values.shutdown.leaveSeconds | quote }}]
{{- end }}

{{/* Where a chart's pods may and should run, by the block "pods" of its values. */}}
{{- define "common.placement" -}}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- include "common.spread" (dict "spread" .Values.spread "labels" (include "common.selectorLabels" .)
  "perRevision" true) }}
{{- end }}

{{/* Pods over zones and nodes, as far as there are some. Takes {spread, labels, perRevision}: the labels, as YAML, of the
pods that are counted, and whether those of a Deployment's revision are counted by themselves. */}}
{{- define "common.spread" -}}
{{- $topologies := list -}}
{{- if .spread.acrossZones }}{{ $topologies = append $topologies "topology.kubernetes.io/zone" }}{{ end -}}
{{- if .spread.acrossNodes }}{{ $topologies = append $topologies "kubernetes.io/hostname" }}{{ end -}}
{{- if $topologies }}
topologySpreadConstraints:
  {{- range $topologies }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- $.labels | nindent 8 }}
    {{- if $.perRevision }}
    matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{/* An account of the service's own, without a token: the pods ask the cluster nothing. */}}
{{- define "common.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "common.fullname" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- end }}
