{{/* FHIR servers that the clinical service may fetch records from, whom it trusts, and the secrets that it shows them. */}}

{{- define "clinical.tokenFolder" -}}
/etc/tumorcast/fhir-token
{{- end }}

{{- define "clinical.keyFolder" -}}
/etc/tumorcast/smart-key
{{- end }}

{{- define "clinical.caFolder" -}}
/etc/tumorcast/fhir-ca
{{- end }}

{{/* Refuse what the service would refuse at its start, before anything is installed. */}}
{{- define "clinical.checkFhir" -}}
{{- $fhir := .Values.fhir -}}
{{- $smart := $fhir.smart -}}
{{- if ne (empty $smart.clientId) (empty $smart.existingSecret) }}
{{- fail "fhir.smart needs both a clientId and an existingSecret with the client's private key." }}
{{- end }}
{{- if and $smart.clientId $fhir.token.existingSecret }}
{{- fail "fhir.token and fhir.smart exclude each other: give one of them." }}
{{- end }}
{{- if and $fhir.token.existingSecret (ne (len $fhir.allowedHosts) 1) }}
{{- fail "fhir.token is for one server: give exactly one of fhir.allowedHosts with it." }}
{{- end }}
{{- if and $fhir.allowedHosts .Values.global.networkPolicy.enabled (not .Values.network.allowTo) }}
{{- fail "The network policy shuts the way to fhir.allowedHosts: name it in network.allowTo (clinical.network.allowTo under the umbrella), e.g. [{cidr: 10.20.0.0/16, ports: [443]}], or say global.networkPolicy.enabled=false." }}
{{- end }}
{{- end }}

{{- define "clinical.env" -}}
{{- $fhir := .Values.fhir -}}
{{- with $fhir.allowedHosts }}
- name: TUMORCAST_CLINICAL_FHIR_ALLOWED_HOSTS
  value: {{ toJson . | quote }}
{{- end }}
{{- with $fhir.networks }}
- name: TUMORCAST_CLINICAL_FHIR_NETWORKS
  value: {{ toJson . | quote }}
{{- end }}
{{- with $fhir.ca }}{{ if .existingConfigMap }}
- name: TUMORCAST_CLINICAL_FHIR_CA_FILE
  value: {{ printf "%s/%s" (include "clinical.caFolder" $) .configMapKey }}
{{- end }}{{ end }}
{{- with $fhir.token }}{{ if .existingSecret }}
- name: TUMORCAST_CLINICAL_FHIR_TOKEN_FILE
  value: {{ printf "%s/%s" (include "clinical.tokenFolder" $) .secretKey }}
{{- end }}{{ end }}
{{- with $fhir.smart }}{{ if .clientId }}
- name: TUMORCAST_CLINICAL_SMART_CLIENT_ID
  value: {{ .clientId | quote }}
- name: TUMORCAST_CLINICAL_SMART_KEY_FILE
  value: {{ printf "%s/%s" (include "clinical.keyFolder" $) .secretKey }}
- name: TUMORCAST_CLINICAL_SMART_KEY_ID
  value: {{ .keyId | quote }}
- name: TUMORCAST_CLINICAL_SMART_SCOPE
  value: {{ .scope | quote }}
- name: TUMORCAST_CLINICAL_SMART_TOKEN_URL
  value: {{ .tokenUrl | quote }}
{{- end }}{{ end }}
{{- end }}

{{/* As folders, so that Kubernetes renews the files when a secret changes; the service reads them anew. */}}
{{- define "clinical.mounts" -}}
{{- if .Values.fhir.ca.existingConfigMap }}
- name: fhir-ca
  mountPath: {{ include "clinical.caFolder" . }}
  readOnly: true
{{- end }}
{{- if .Values.fhir.token.existingSecret }}
- name: fhir-token
  mountPath: {{ include "clinical.tokenFolder" . }}
  readOnly: true
{{- end }}
{{- if .Values.fhir.smart.existingSecret }}
- name: smart-key
  mountPath: {{ include "clinical.keyFolder" . }}
  readOnly: true
{{- end }}
{{- end }}

{{/* Only the key that is used, readable by the pod's group alone (fsGroup). */}}
{{- define "clinical.volumes" -}}
{{- with .Values.fhir.ca }}{{ if .existingConfigMap }}
- name: fhir-ca
  configMap:
    name: {{ .existingConfigMap }}
    items:
      - key: {{ .configMapKey }}
        path: {{ .configMapKey }}
{{- end }}{{ end }}
{{- range $name, $secret := dict "fhir-token" .Values.fhir.token "smart-key" .Values.fhir.smart }}
{{- if $secret.existingSecret }}
- name: {{ $name }}
  secret:
    secretName: {{ $secret.existingSecret }}
    defaultMode: 0440
    items:
      - key: {{ $secret.secretKey }}
        path: {{ $secret.secretKey }}
{{- end }}
{{- end }}
{{- end }}
