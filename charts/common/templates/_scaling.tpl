{{/* How many pods there are: by the load, and while nodes are drained. */}}

{{/* The autoscaler that the values ask for, or nothing. */}}
{{- define "common.autoscaler" -}}
{{- with .Values.autoscaling }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
{{- fail (printf "autoscaling.minReplicas of %s is more than autoscaling.maxReplicas." $.Chart.Name) }}
{{- end }}
{{- if .enabled }}
{{- if eq .by "keda" }}{{ include "common.scaledObject" $ }}{{ else }}{{ include "common.horizontalPodAutoscaler" $ }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The annotation lets an upgrade change `by`: Helm makes the ScaledObject before it takes this one away, and KEDA would
refuse a target that something else scales. */}}
{{- define "common.horizontalPodAutoscaler" -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "common.fullname" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
  annotations:
    validations.keda.sh/hpa-ownership: "false"
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "common.fullname" . }}
  minReplicas: {{ int .Values.autoscaling.minReplicas }}
  maxReplicas: {{ int .Values.autoscaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ int .Values.autoscaling.targetCPUPercent }}
  behavior: {{- include "common.scalingBehavior" . | nindent 4 }}
{{- end }}

{{/* Up at once, down one pod a minute when it has not been needed for long: a pod that goes drains its calls. */}}
{{- define "common.scalingBehavior" -}}
scaleUp:
  stabilizationWindowSeconds: 0
scaleDown:
  stabilizationWindowSeconds: {{ int .Values.autoscaling.scaleDownSeconds }}
  policies:
    - type: Pods
      value: 1
      periodSeconds: 60
{{- end }}

{{/* KEDA asks how many calls the service is answering. Where Prometheus does not answer, or knows nothing of the pods, they
stay as many as they are. */}}
{{- define "common.scaledObject" -}}
{{- $keda := .Values.autoscaling.keda }}
{{- if not $keda.prometheusUrl }}
{{- fail (printf "autoscaling.by=keda needs autoscaling.keda.prometheusUrl (%s)." .Chart.Name) }}
{{- end }}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ include "common.fullname" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "common.fullname" . }}
  minReplicaCount: {{ int .Values.autoscaling.minReplicas }}
  maxReplicaCount: {{ int .Values.autoscaling.maxReplicas }}
  pollingInterval: 15
  fallback:
    failureThreshold: 4
    replicas: {{ int .Values.autoscaling.minReplicas }}
    behavior: currentReplicasIfHigher
  advanced:
    horizontalPodAutoscalerConfig:
      behavior: {{- include "common.scalingBehavior" . | nindent 8 }}
  triggers:
    - type: prometheus
      metricType: AverageValue
      metadata:
        serverAddress: {{ $keda.prometheusUrl | quote }}
        query: >-
          sum(tumorcast_requests_in_flight{namespace="{{ .Release.Namespace }}", service="{{ .Chart.Name }}", pod=~"
          {{- include "common.fullname" . }}-.+"})
        threshold: {{ $keda.callsPerReplica | toString | quote }}
        ignoreNullValues: "false" # no answer is not "no calls", for which all but the fewest pods would go
{{- end }}

{{/* How many pods a drain may take at once. Pods that are not ready never stand in its way. */}}
{{- define "common.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "common.fullname" . }}
  labels: {{- include "common.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .Values.disruption.maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "common.selectorLabels" . | nindent 6 }}
{{- end }}
