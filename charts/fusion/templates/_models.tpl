{{/* The store of model versions: where it is, how it is opened, and where a pod keeps its verified copies. */}}

{{- define "fusion.storeFolder" -}}
/var/lib/tumorcast/models
{{- end }}

{{- define "fusion.cacheFolder" -}}
/var/cache/tumorcast/models
{{- end }}

{{- define "fusion.credentialsFolder" -}}
/etc/tumorcast/model-store
{{- end }}

{{/* Address of the store; empty where there is none. */}}
{{- define "fusion.store" -}}
{{- if .Values.models.existingClaim }}{{ include "fusion.storeFolder" . }}{{ else }}{{ .Values.models.store }}{{ end }}
{{- end }}

{{- define "fusion.checkModels" -}}
{{- with .Values.models -}}
{{- if and .store .existingClaim }}
{{- fail "models.store and models.existingClaim exclude each other: give one of them." }}
{{- end }}
{{- if and (or .credentials.env .credentials.files) (not .credentials.existingSecret) }}
{{- fail "models.credentials.env and files name keys of a secret: give models.credentials.existingSecret." }}
{{- end }}
{{- if and .credentials.existingSecret (not (or .credentials.env .credentials.files)) }}
{{- fail "models.credentials.existingSecret is not used: say in models.credentials.env or files what its keys are." }}
{{- end }}
{{- if and .credentials.existingSecret (not .store) }}
{{- fail "models.credentials are those of models.store: give its address." }}
{{- end }}
{{- end }}
{{- if and .Values.models.store .Values.global.networkPolicy.enabled (not .Values.network.allowTo) }}
{{- fail "The network policy shuts the way to models.store: name it in network.allowTo (fusion.network.allowTo under the umbrella), e.g. [{cidr: 10.20.0.0/16, ports: [443]}], or say global.networkPolicy.enabled=false." }}
{{- end }}
{{- end }}

{{- define "fusion.env" -}}
{{- with include "fusion.store" . }}
- name: TUMORCAST_FUSION_MODEL_STORE
  value: {{ . | quote }}
- name: TUMORCAST_FUSION_MODEL_STORE_POLL_S
  value: {{ int $.Values.models.pollSeconds | quote }}
- name: TUMORCAST_FUSION_MODEL_CACHE
  value: {{ include "fusion.cacheFolder" $ }}
{{- end }}
{{- with .Values.models.credentials }}
{{- $secret := .existingSecret }}
{{- range $name, $key := .env }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: {{ $key }}
{{- end }}
{{- range $name, $key := .files }}
- name: {{ $name }}
  value: {{ printf "%s/%s" (include "fusion.credentialsFolder" $) $key }}
{{- end }}
{{- end }}
{{- end }}

{{- define "fusion.mounts" -}}
{{- if include "fusion.store" . }}
- name: model-cache
  mountPath: {{ include "fusion.cacheFolder" . }}
{{- end }}
{{- if .Values.models.existingClaim }}
- name: model-store
  mountPath: {{ include "fusion.storeFolder" . }}
  readOnly: true
{{- end }}
{{- if .Values.models.credentials.files }}
- name: model-store-credentials
  mountPath: {{ include "fusion.credentialsFolder" . }}
  readOnly: true
{{- end }}
{{- end }}

{{- define "fusion.volumes" -}}
{{- with .Values.models }}
{{- if include "fusion.store" $ }}
- name: model-cache
  emptyDir:
    sizeLimit: {{ .cacheSize }}
{{- end }}
{{- with .existingClaim }}
- name: model-store
  persistentVolumeClaim:
    claimName: {{ . }}
    readOnly: true
{{- end }}
{{- if .credentials.files }}
- name: model-store-credentials
  secret:
    secretName: {{ .credentials.existingSecret }}
    defaultMode: 0440
    items:
      {{- range $key := values .credentials.files | uniq | sortAlpha }}
      - key: {{ $key }}
        path: {{ $key }}
      {{- end }}
{{- end }}
{{- end }}
{{- end }}
