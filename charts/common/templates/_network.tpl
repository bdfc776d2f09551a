{{/* Who reaches whom. A policy lets through the arrows of the architecture and what the values add, and nothing else. */}}

{{/*
The policy of one service's pods. Takes
  root         the chart's root context;
  name         of the policy, if not the service's;
  selector     YAML of the pods' labels, if not the service's;
  ports        numbers of the ports that callers use;
  callers      names of this release's services that may call; network.allowFrom of the values comes on top;
  anyone       true lets everyone in to `ports`;
  calls        port numbers by name of this release's services that the pods call; network.allowTo comes on top;
  metrics      numbers of the ports that Prometheus reads, if not the usual one;
  ingress, egress   YAML of more rules.
*/}}
{{- define "common.networkPolicy" -}}
{{- $ := .root -}}
{{- $usual := .ports -}}
{{- if $.Values.global.networkPolicy.enabled -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name | default (include "common.fullname" $) }}
  labels: {{- include "common.labels" $ | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- .selector | default (include "common.selectorLabels" $) | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- if .anyone }}
    - ports: {{ include "common.network.ports" .ports }}
    {{- end }}
    {{- range .callers }}
    - from:
        - podSelector:
            matchLabels: {{- include "common.network.service" (dict "root" $ "service" .) | nindent 14 }}
      ports: {{ include "common.network.ports" $usual }}
    {{- end }}
    {{- range $.Values.network.allowFrom }}
    - from:
        - {{ include "common.network.peer" . }}
      ports: {{ include "common.network.ports" (.ports | default $usual) }}
    {{- end }}
    - from:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: {{ $.Values.global.monitoring.namespace }}
      ports: {{ include "common.network.ports" (.metrics | default (list (include "common.metricsPort" $))) }}
    {{- with .ingress }}{{ . | nindent 4 }}{{ end }}
  egress:
    {{- include "common.network.toNames" $ | nindent 4 }}
    {{- range $service, $ports := .calls }}
    - to:
        - podSelector:
            matchLabels: {{- include "common.network.service" (dict "root" $ "service" $service) | nindent 14 }}
      ports: {{ include "common.network.ports" $ports }}
    {{- end }}
    {{- range $.Values.network.allowTo }}
    - to:
        - {{ include "common.network.peer" . }}
      {{- with .ports }}
      ports: {{ include "common.network.ports" . }}
      {{- end }}
    {{- end }}
    {{- with $.Values.global.monitoring.otlpEndpoint }}
    - ports: {{ include "common.network.ports" (list (regexFind "[0-9]+/?$" . | trimSuffix "/")) }}
    {{- end }}
    {{- with .egress }}{{ . | nindent 4 }}{{ end }}
{{- end }}
{{- end }}

{{/* Labels by which a policy knows another service of the release. Takes {root, service}. */}}
{{- define "common.network.service" -}}
app.kubernetes.io/name: {{ .service }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{/* TCP ports of a rule. Takes a list of numbers. */}}
{{- define "common.network.ports" -}}
{{- $ports := list -}}
{{- range . }}{{ $ports = append $ports (dict "protocol" "TCP" "port" (int .)) }}{{ end -}}
{{ toJson $ports }}
{{- end }}

{{/* One of the values' peers: a network, or pods. */}}
{{- define "common.network.peer" -}}
{{- $peer := dict -}}
{{- with .cidr }}{{ $_ := set $peer "ipBlock" (dict "cidr" .) }}{{ end -}}
{{- with .namespace }}
{{- $_ := set $peer "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" .)) }}
{{- end -}}
{{- with .podLabels }}{{ $_ := set $peer "podSelector" (dict "matchLabels" .) }}{{ end -}}
{{ toJson $peer }}
{{- end }}

{{/* Egress rules that let pods ask for names. */}}
{{- define "common.network.toNames" -}}
{{- $dns := .Values.global.networkPolicy.dns -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ $dns.namespace }}
      {{- with $dns.podLabels }}
      podSelector:
        matchLabels: {{- toYaml . | nindent 10 }}
      {{- end }}
    {{- range $dns.cidrs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  ports:
    {{- range $dns.ports }}
    - {protocol: UDP, port: {{ int . }}}
    - {protocol: TCP, port: {{ int . }}}
    {{- end }}
{{- end }}
