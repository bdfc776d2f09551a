{{/* Ray's pods speak with one another on ports that Ray chooses. Takes {root, direction}: from or to. */}}
{{- define "imaging.network.within" -}}
- {{ .direction }}:
    - podSelector:
        matchLabels: {{- include "common.selectorLabels" .root | nindent 10 }}
{{- end }}
