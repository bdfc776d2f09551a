{{/* The gateway's own settings (services/tumorcast_gateway/operations.md), beside those that every service has. */}}

{{- define "gateway.env" -}}
- name: TUMORCAST_GATEWAY_REST_PORT
  value: {{ include "gateway.restPort" . | quote }}
- name: TUMORCAST_GATEWAY_DATA_DIR
  value: {{ include "gateway.recordsFolder" . }}
{{- range $name, $value := include "gateway.settings" . | fromYaml }}
- name: TUMORCAST_GATEWAY_{{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- range $service, $target := .Values.targets }}
- name: TUMORCAST_GATEWAY_{{ upper $service }}_TARGET
  value: {{ $target | default (include "gateway.target" (dict "root" $ "service" $service)) | quote }}
{{- end }}
{{- end }}

{{/* Settings by name, as text; lists and maps are JSON. What is empty is left to the gateway's own default. */}}
{{- define "gateway.settings" -}}
{{- include "gateway.callerSettings" . }}
{{- include "gateway.doorSettings" . }}
{{- include "gateway.recordSettings" . }}
{{- include "gateway.outwardSettings" . }}
{{- end }}

{{- define "gateway.callerSettings" }}
{{- with .Values.auth }}
INSECURE_DEMO: {{ .insecureDemo | quote }}
GRPC_REFLECTION: {{ .grpcReflection | quote }}
{{- if .issuers }}
AUTH: oidc
OIDC_ISSUERS: {{ toJson .issuers | quote }}
OIDC_AUDIENCES: {{ toJson .audiences | quote }}
OIDC_CONTEXTS: {{ toJson .contexts | quote }}
OIDC_ALGORITHMS: {{ toJson .algorithms | quote }}
OIDC_STRICT_TYPE: {{ .strictType | quote }}
OIDC_PATIENT_CLAIM: {{ .patientClaim | quote }}
OIDC_ADMIN_SCOPE: {{ .adminScope | quote }}
OIDC_SKEW_S: {{ int .skewSeconds | quote }}
OIDC_LONGEST_LIFE_S: {{ int .longestLifeSeconds | quote }}
OIDC_REFETCH_S: {{ int .refetchSeconds | quote }}
{{- with .jwksUrl }}
OIDC_JWKS_URL: {{ . | quote }}
{{- end }}
{{- with .jwks }}{{ if .existingConfigMap }}
OIDC_JWKS_FILE: {{ printf "%s/%s" (include "gateway.folder" "jwks") .configMapKey | quote }}
{{- end }}{{ end }}
{{- end }}
{{- end }}
RATE_PER_MINUTE: {{ int .Values.rates.callsPerMinute | quote }}
FAILURES_PER_MINUTE: {{ int .Values.rates.failuresPerMinute | quote }}
{{- with .Values.cds }}
CDS_DEADLINE_S: {{ int .deadlineSeconds | quote }}
CDS_FETCH: {{ .fetch | quote }}
{{- with .clients }}
CDS_CLIENTS: {{ toJson . | quote }}
{{- end }}
{{- with .models }}
CDS_MODELS: {{ toJson . | quote }}
{{- end }}
{{- with .smartUrl }}
CDS_SMART_URL: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "gateway.doorSettings" }}
{{- if include "gateway.tlsSecret" . }}
TLS_CERTIFICATE: {{ include "gateway.folder" "tls" }}/tls.crt
TLS_KEY: {{ include "gateway.folder" "tls" }}/tls.key
{{- end }}
TLS_ELSEWHERE: {{ .Values.tls.endedElsewhere | quote }}
{{- with .Values.tls.clientCA }}{{ if .existingConfigMap }}
TLS_CLIENT_CA: {{ printf "%s/%s" (include "gateway.folder" "client-ca") .configMapKey | quote }}
{{- end }}{{ end }}
{{- with .Values.publicUrl }}
PUBLIC_URL: {{ . | quote }}
{{- end }}
{{- with .Values.servedHosts }}
SERVED_HOSTS: {{ toJson . | quote }}
{{- end }}
{{- with .Values.corsOrigins }}
CORS_ORIGINS: {{ toJson . | quote }}
{{- end }}
DEADLINE_S: {{ int .Values.deadlines.querySeconds | quote }}
UPLOAD_DEADLINE_S: {{ int .Values.deadlines.uploadSeconds | quote }}
MAX_BODY_MIB: {{ int .Values.sizes.bodyMiB | quote }}
MAX_UPLOAD_MIB: {{ int .Values.sizes.uploadMiB | quote }}
MAX_MESSAGE_MIB: {{ int .Values.sizes.messageMiB | quote }}
JOB_CONCURRENCY: {{ int .Values.jobs.concurrency | quote }}
BREAKER_FAILURES: {{ int .Values.breaker.failures | quote }}
BREAKER_OPEN_S: {{ .Values.breaker.openSeconds | quote }}
{{- end }}

{{- define "gateway.recordSettings" }}
{{- with .Values.records }}
RETENTION_DAYS: {{ int .retentionDays | quote }}
{{- if .database.existingSecret }}
DATABASE_URL_FILE: {{ printf "%s/%s" (include "gateway.folder" "database") .database.secretKey | quote }}
DATABASE_CONNECTIONS: {{ int .database.connections | quote }}
DATABASE_TIMEOUT_S: {{ int .database.timeoutSeconds | quote }}
{{- end }}
{{- if .masterKey.existingSecret }}
MASTER_KEY_FILE: {{ printf "%s/%s" (include "gateway.folder" "master-key") .masterKey.secretKey | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "gateway.outwardSettings" }}
{{- with .Values.outbound }}
OUTBOUND_TIMEOUT_S: {{ int .timeoutSeconds | quote }}
OUTBOUND_MAX_MIB: {{ int .maxMiB | quote }}
{{- with .hosts }}
OUTBOUND_HOSTS: {{ toJson . | quote }}
{{- end }}
{{- with .networks }}
OUTBOUND_NETWORKS: {{ toJson . | quote }}
{{- end }}
{{- if .ca.existingConfigMap }}
OUTBOUND_CA_FILE: {{ printf "%s/%s" (include "gateway.folder" "outbound-ca") .ca.configMapKey | quote }}
{{- end }}
{{- end }}
{{- with .Values.fhir }}
FHIR_WRITE_BACK: {{ .writeBack | quote }}
{{- with .baseUrl }}
FHIR_BASE_URL: {{ . | quote }}
{{- end }}
{{- with .publicUrl }}
FHIR_PUBLIC_URL: {{ . | quote }}
{{- end }}
{{- if .token.existingSecret }}
FHIR_TOKEN_FILE: {{ printf "%s/%s" (include "gateway.folder" "fhir-token") .token.secretKey | quote }}
{{- end }}
{{- end }}
{{- end }}
