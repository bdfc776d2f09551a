{{/* TLS between the services: each shows a certificate of one authority, and asks for one. cert-manager makes them. */}}

{{- define "common.mtls.folder" -}}
/etc/tumorcast/mtls
{{- end }}

{{- define "common.mtls.secret" -}}
{{ include "common.fullname" . }}-mtls
{{- end }}

{{/* The name that stands first in a service's certificate, and by which callers are known: with the namespace, since one
issuer may serve several, if a common name can be that long (64 characters). Takes {root, service}. */}}
{{- define "common.mtls.name" -}}
{{- $short := printf "%s-%s" .root.Release.Name .service -}}
{{- $long := printf "%s.%s.svc" $short .root.Release.Namespace -}}
{{ le (len $long) 64 | ternary $long $short }}
{{- end }}

{{/* What the process reads. The gateway shows its certificate to the others; they let in nobody else. */}}
{{- define "common.mtls.env" -}}
{{- if .Values.global.mtls.enabled }}
{{- $prefix := printf "TUMORCAST_%s_PEER_" (upper .Chart.Name) }}
{{- $folder := include "common.mtls.folder" . -}}
- name: {{ $prefix }}CERTIFICATE
  value: {{ $folder }}/tls.crt
- name: {{ $prefix }}KEY
  value: {{ $folder }}/tls.key
- name: {{ $prefix }}CA
  value: {{ $folder }}/ca.crt
{{- if ne .Chart.Name "gateway" }}
- name: {{ $prefix }}CLIENTS
  value: {{ list (include "common.mtls.name" (dict "root" . "service" "gateway")) | toJson | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* A folder, so that Kubernetes renews the files when the certificate is renewed. */}}
{{- define "common.mtls.mounts" -}}
{{- if .Values.global.mtls.enabled -}}
- name: mtls
  mountPath: {{ include "common.mtls.folder" . }}
  readOnly: true
{{- end }}
{{- end }}

{{- define "common.mtls.volumes" -}}
{{- if .Values.global.mtls.enabled -}}
- name: mtls
  secret:
    secretName: {{ include "common.mtls.secret" . }}
    defaultMode: 0440
{{- end }}
{{- end }}

{{/* The service's certificate, under every name that DNS knows it by; of use on both sides of a call. */}}
{{- define "common.mtls.certificate" -}}
{{- with .Values.global.mtls }}{{ if .enabled }}
{{- $name := include "common.fullname" $ -}}
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: {{ $name }}
  labels: {{- include "common.labels" $ | nindent 4 }}
spec:
  secretName: {{ include "common.mtls.secret" $ }}
  commonName: {{ include "common.mtls.name" (dict "root" $ "service" $.Chart.Name) }}
  dnsNames:
    - {{ $name }}
    - {{ $name }}.{{ $.Release.Namespace }}
    - {{ $name }}.{{ $.Release.Namespace }}.svc
    - {{ $name }}.{{ $.Release.Namespace }}.svc.cluster.local
  usages: [digital signature, server auth, client auth]
  duration: {{ mul .durationDays 24 }}h
  privateKey:
    algorithm: ECDSA
    size: 256
    rotationPolicy: Always
  issuerRef:
    group: cert-manager.io
    {{- if .issuer.name }}
    kind: {{ .issuer.kind }}
    name: {{ .issuer.name }}
    {{- else }}
    kind: Issuer
    name: {{ include "common.mtls.authority" $ }}
    {{- end }}
{{- end }}{{ end }}
{{- end }}

{{/* Name of the release's own authority. */}}
{{- define "common.mtls.authority" -}}
{{ .Release.Name }}-ca
{{- end }}

{{/* The release's own authority, if the values name no issuer: an issuer that signs for itself, the authority's
certificate, and the issuer that signs with it. The chart that is installed renders it, once. The authority keeps its key, so that
certificates of before and after its renewal trust each other. */}}
{{- define "common.mtls.authorityObjects" -}}
{{- with .Values.global.mtls }}{{ if and .enabled (not .issuer.name) $.Chart.IsRoot }}
{{- $name := include "common.mtls.authority" $ -}}
apiVersion: cert-manager.io/v1
kind: Issuer
metadata:
  name: {{ $name }}-root
  labels: {{- include "common.labels" $ | nindent 4 }}
spec:
  selfSigned: {}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: {{ $name }}
  labels: {{- include "common.labels" $ | nindent 4 }}
spec:
  isCA: true
  secretName: {{ $name }}
  commonName: {{ $name }}
  usages: [digital signature, cert sign, crl sign]
  duration: 87600h
  privateKey:
    algorithm: ECDSA
    size: 256
    rotationPolicy: Never
  issuerRef:
    group: cert-manager.io
    kind: Issuer
    name: {{ $name }}-root
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata:
  name: {{ $name }}
  labels: {{- include "common.labels" $ | nindent 4 }}
spec:
  ca:
    secretName: {{ $name }}
{{- end }}{{ end }}
{{- end }}
