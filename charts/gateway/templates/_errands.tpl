{{/* Pods of the gateway's image that are no gateways: the migration and the test. No Service leads to them. */}}

{{/* Labels of such a pod; takes {root, name}. */}}
{{- define "gateway.errandSelector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}-{{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "gateway.errandLabels" -}}
{{ include "gateway.errandSelector" . }}
app.kubernetes.io/component: {{ .root.Chart.Name }}-{{ .name }}
app.kubernetes.io/part-of: tumorcast
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* A service account without a token and without rights; takes {root, name, annotations}. */}}
{{- define "gateway.errandAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "common.fullname" .root }}-{{ .name }}
  labels: {{- include "gateway.errandLabels" . | nindent 4 }}
  {{- with .annotations }}
  annotations: {{- . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}

{{/* Nobody comes in; out go the ways that `egress` lists. Takes {root, name, annotations, egress}. */}}
{{- define "gateway.errandPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "common.fullname" .root }}-{{ .name }}
  labels: {{- include "gateway.errandLabels" . | nindent 4 }}
  {{- with .annotations }}
  annotations: {{- . | nindent 4 }}
  {{- end }}
spec:
  podSelector:
    matchLabels: {{- include "gateway.errandSelector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  egress: {{- .egress | nindent 4 }}
{{- end }}

{{/* What such a pod's spec has of a gateway's: no rights, and the nodes that gateways may run on. */}}
{{- define "gateway.errandPod" -}}
{{- $spec := include "common.podSpec" . | fromYaml -}}
{{- with .Values.nodeSelector }}{{ $_ := set $spec "nodeSelector" . }}{{ end -}}
{{- with .Values.tolerations }}{{ $_ := set $spec "tolerations" . }}{{ end -}}
{{ toYaml $spec }}
{{- end }}

{{/* The test sees the door's certificate, to know it again, and perhaps a token. Not its key. */}}
{{- define "gateway.testFiles" -}}
{{- with include "gateway.tlsSecret" . }}
tls: {secret: {{ . }}, key: tls.crt}
{{- end }}
{{- with .Values.test.token }}{{ if .existingSecret }}
token: {secret: {{ .existingSecret }}, key: {{ .secretKey }}}
{{- end }}{{ end }}
{{- end }}

{{/* Beside names, the migration goes where gateways may go, e.g. to the database. */}}
{{- define "gateway.waysToDatabase" -}}
{{ include "common.network.toNames" . }}
{{- range .Values.network.allowTo }}
- to:
    - {{ include "common.network.peer" . }}
  {{- with .ports }}
  ports: {{ include "common.network.ports" . }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "gateway.waysToGateway" -}}
{{ include "common.network.toNames" . }}
- to:
    - podSelector:
        matchLabels: {{- include "common.selectorLabels" . | nindent 10 }}
  ports: {{ include "common.network.ports" (list (include "gateway.restPort" .)) }}
{{- end }}

{{- define "gateway.testComesIn" -}}
- from:
    - podSelector:
        matchLabels: {{- include "gateway.errandSelector" (dict "root" . "name" "test") | nindent 10 }}
  ports: {{ include "common.network.ports" (list (include "gateway.restPort" .)) }}
{{- end }}
