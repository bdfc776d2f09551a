{{/* Names, labels and addresses. Every template takes the chart's root context. */}}

{{/* Name of a service's objects: <release>-<chart>. The gateway finds the others by it. */}}
{{- define "common.fullname" -}}
{{ .Release.Name }}-{{ .Chart.Name }}
{{- end }}

{{/* Labels that never change during a release's life. */}}
{{- define "common.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels of every pod: none that a new chart version alone would change, since that would replace pods. */}}
{{- define "common.podLabels" -}}
{{ include "common.selectorLabels" . }}
app.kubernetes.io/component: {{ .Chart.Name }}
app.kubernetes.io/part-of: tumorcast
{{- end }}

{{/* Labels of every other object. */}}
{{- define "common.labels" -}}
{{ include "common.podLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* The container image; an empty tag means the version that this chart was made for. */}}
{{- define "common.image" -}}
{{- $registry := (.Values.global).imageRegistry | default "" | trimSuffix "/" -}}
{{- with $registry }}{{ . }}/{{ end -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* The gRPC port of each service; here and nowhere else. */}}
{{- define "common.grpcPorts" -}}
gateway: 50050
clinical: 50052
notes: 50053
fusion: 50054
imaging: 9000
{{- end }}

{{/* The gRPC port of this chart's service. */}}
{{- define "common.grpcPort" -}}
{{ index (include "common.grpcPorts" . | fromYaml) .Chart.Name }}
{{- end }}

{{/* Where Prometheus reads metrics, and where kubelets ask for health; the same in every pod that runs grpc.aio. */}}
{{- define "common.metricsPort" -}}
9464
{{- end }}

{{- define "common.healthPort" -}}
50059
{{- end }}
