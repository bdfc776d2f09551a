{{/* What only the whole release knows. */}}

{{/* Labels of objects that belong to no single service. */}}
{{- define "release.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: release
app.kubernetes.io/part-of: tumorcast
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* Services that are installed. */}}
{{- define "release.services" -}}
{{- range list "imaging" "clinical" "notes" "fusion" "gateway" }}
{{- if (index $.Values .).enabled }}
- {{ . }}
{{- end }}
{{- end }}
{{- end }}
