{{/* The gateway's own settings, ports and secrets. */}}

{{- define "gateway.restPort" -}}
8080
{{- end }}

{{- define "gateway.ports" -}}
- name: http
  containerPort: {{ include "gateway.restPort" . }}
{{- end }}

{{- define "gateway.tlsFolder" -}}
/etc/tumorcast/tls
{{- end }}

{{- define "gateway.databaseFolder" -}}
/etc/tumorcast/database
{{- end }}

{{- define "gateway.masterKeyFolder" -}}
/etc/tumorcast/master-key
{{- end }}

{{- define "gateway.recordsFolder" -}}
/var/lib/tumorcast
{{- end }}

{{/* Refuse what the gateway would refuse at its start, and what would lose or scatter records. */}}
{{- define "gateway.check" -}}
{{- $auth := .Values.auth -}}
{{- $records := .Values.records -}}
{{- if eq $auth.insecureDemo (not (empty $auth.issuers)) }}
{{- fail "Say who may call: give auth.issuers and auth.audiences, or, for a demonstration on a network that you trust, auth.insecureDemo=true (gateway.auth.… under the umbrella); one of the two." }}
{{- end }}
{{- if ne (empty $auth.issuers) (empty $auth.audiences) }}
{{- fail "auth.issuers and auth.audiences go together." }}
{{- end }}
{{- if and $auth.jwksUrl (ne (len $auth.issuers) 1) }}
{{- fail "auth.jwksUrl is of one issuer: give exactly one of auth.issuers with it." }}
{{- end }}
{{- if and $auth.issuers (not $.Values.tls.existingSecret) (not $.Values.tls.endedElsewhere) }}
{{- fail "Tokens must not travel in clear: give tls.existingSecret, or say tls.endedElsewhere=true." }}
{{- end }}
{{- if ne (empty $records.database.existingSecret) (empty $records.masterKey.existingSecret) }}
{{- fail "records.database and records.masterKey go together: every pod must open what another has kept." }}
{{- end }}
{{- if and $auth.issuers (not $records.database.existingSecret) }}
{{- fail "Records of patients must not be lost with a pod: give records.database.existingSecret and records.masterKey.existingSecret." }}
{{- end }}
{{- if and (gt (int .Values.replicas) 1) (not $records.database.existingSecret) }}
{{- fail "Several gateways share one database: give records.database.existingSecret and records.masterKey.existingSecret, or keep replicas at 1." }}
{{- end }}
{{- end }}

{{/* REST is what most callers use, so readiness asks it; start and life are asked over gRPC, which kubelets speak in clear
only, so that with TLS all three ask REST. Not /readyz: a gateway whose fusion is down still says so, which a Service
without endpoints could not. */}}
{{- define "gateway.probes" -}}
{{- $scheme := empty .Values.tls.existingSecret | ternary "HTTP" "HTTPS" -}}
readinessProbe:
  httpGet: {path: /healthz, port: http, scheme: {{ $scheme }}}
  periodSeconds: 5
  timeoutSeconds: 2
  failureThreshold: 2
{{- if .Values.tls.existingSecret }}
startupProbe:
  httpGet: {path: /healthz, port: http, scheme: HTTPS}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: http, scheme: HTTPS}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- end }}
{{- end }}

{{- define "gateway.env" -}}
- name: TUMORCAST_GATEWAY_REST_PORT
  value: {{ include "gateway.restPort" . | quote }}
- name: TUMORCAST_GATEWAY_DATA_DIR
  value: {{ include "gateway.recordsFolder" . }}
{{- with .Values.auth }}
- name: TUMORCAST_GATEWAY_INSECURE_DEMO
  value: {{ .insecureDemo | quote }}
{{- if .issuers }}
- name: TUMORCAST_GATEWAY_AUTH
  value: oidc
- name: TUMORCAST_GATEWAY_OIDC_ISSUERS
  value: {{ toJson .issuers | quote }}
- name: TUMORCAST_GATEWAY_OIDC_AUDIENCES
  value: {{ toJson .audiences | quote }}
- name: TUMORCAST_GATEWAY_OIDC_CONTEXTS
  value: {{ toJson .contexts | quote }}
{{- with .jwksUrl }}
- name: TUMORCAST_GATEWAY_OIDC_JWKS_URL
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.tls }}
{{- if .existingSecret }}
- name: TUMORCAST_GATEWAY_TLS_CERTIFICATE
  value: {{ include "gateway.tlsFolder" $ }}/tls.crt
- name: TUMORCAST_GATEWAY_TLS_KEY
  value: {{ include "gateway.tlsFolder" $ }}/tls.key
{{- end }}
- name: TUMORCAST_GATEWAY_TLS_ELSEWHERE
  value: {{ .endedElsewhere | quote }}
{{- end }}
{{- with .Values.records }}{{ if .database.existingSecret }}
- name: TUMORCAST_GATEWAY_DATABASE_URL_FILE
  value: {{ printf "%s/%s" (include "gateway.databaseFolder" $) .database.secretKey }}
- name: TUMORCAST_GATEWAY_MASTER_KEY_FILE
  value: {{ printf "%s/%s" (include "gateway.masterKeyFolder" $) .masterKey.secretKey }}
{{- end }}{{ end }}
{{- range $service, $target := .Values.targets }}
{{- $port := index (include "common.grpcPorts" $ | fromYaml) $service }}
- name: TUMORCAST_GATEWAY_{{ upper $service }}_TARGET
  value: {{ $target | default (printf "dns:///%s-%s:%v" $.Release.Name $service $port) | quote }}
{{- end }}
{{- end }}

{{/* Secrets as folders, so that Kubernetes renews the files when one changes. */}}
{{- define "gateway.mounts" -}}
- name: records
  mountPath: {{ include "gateway.recordsFolder" . }}
{{- if .Values.tls.existingSecret }}
- name: tls
  mountPath: {{ include "gateway.tlsFolder" . }}
  readOnly: true
{{- end }}
{{- if .Values.records.database.existingSecret }}
- name: database
  mountPath: {{ include "gateway.databaseFolder" . }}
  readOnly: true
- name: master-key
  mountPath: {{ include "gateway.masterKeyFolder" . }}
  readOnly: true
{{- end }}
{{- end }}

{{/* Only the keys that are used, readable by the pod's group alone (fsGroup). */}}
{{- define "gateway.volumes" -}}
- name: records
  emptyDir:
    sizeLimit: {{ .Values.records.size }}
{{- with .Values.tls.existingSecret }}
- name: tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- range $name, $secret := dict "database" .Values.records.database "master-key" .Values.records.masterKey }}
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
