{{/* Refuse what the gateway would refuse at its start, and what would lose or scatter records, or shut its ways. */}}

{{- define "gateway.check" -}}
{{- include "gateway.checkCallers" . }}
{{- include "gateway.checkTls" . }}
{{- include "gateway.checkRecords" . }}
{{- include "gateway.checkWaysIn" . }}
{{- include "gateway.checkWaysOut" . }}
{{- if ge (int .Values.sizes.bodyMiB) (int .Values.sizes.messageMiB) }}
{{- fail "sizes.bodyMiB must be smaller than sizes.messageMiB, or a record could not be forwarded." }}
{{- end }}
{{- end }}

{{- define "gateway.checkCallers" -}}
{{- $auth := .Values.auth -}}
{{- $keys := or $auth.jwksUrl $auth.jwks.existingConfigMap -}}
{{- if eq $auth.insecureDemo (not (empty $auth.issuers)) }}
{{- fail "Say who may call: give auth.issuers and auth.audiences, or, for a demonstration on a network that you trust, auth.insecureDemo=true (gateway.auth.… under the umbrella); one of the two." }}
{{- end }}
{{- if ne (empty $auth.issuers) (empty $auth.audiences) }}
{{- fail "auth.issuers and auth.audiences go together." }}
{{- end }}
{{- if and $auth.jwksUrl $auth.jwks.existingConfigMap }}
{{- fail "auth.jwksUrl and auth.jwks exclude each other: give one of them." }}
{{- end }}
{{- if and $keys (ne (len $auth.issuers) 1) }}
{{- fail "auth.jwksUrl and auth.jwks are of one issuer: give exactly one of auth.issuers with them." }}
{{- end }}
{{- with .Values.cds }}
{{- if and .clients (not $.Values.publicUrl) }}
{{- fail "cds.clients needs publicUrl, which the tokens of EHRs must name as `aud`." }}
{{- end }}
{{- if and .fetch (gt (len .clients) 1) }}
{{- fail "cds.fetch is for one EHR: any other of cds.clients could have its records fetched." }}
{{- end }}
{{- end }}
{{- with .Values.fhir }}
{{- if and .writeBack (not .baseUrl) }}
{{- fail "fhir.writeBack needs fhir.baseUrl." }}
{{- end }}
{{- if and .token.existingSecret (not .writeBack) }}
{{- fail "fhir.token is for write-backs only: say fhir.writeBack=true, or leave it out." }}
{{- end }}
{{- end }}
{{- end }}

{{- define "gateway.checkTls" -}}
{{- $tls := .Values.tls -}}
{{- $inPod := include "gateway.tlsSecret" . -}}
{{- if and $tls.existingSecret $tls.certificate.dnsNames }}
{{- fail "tls.existingSecret and tls.certificate exclude each other: give one of them." }}
{{- end }}
{{- if ne (empty $tls.certificate.dnsNames) (empty $tls.certificate.issuer.name) }}
{{- fail "tls.certificate needs both dnsNames and issuer.name." }}
{{- end }}
{{- if and .Values.auth.issuers (not $inPod) (not $tls.endedElsewhere) }}
{{- fail "Tokens must not travel in clear: give tls.existingSecret or tls.certificate, or say tls.endedElsewhere=true." }}
{{- end }}
{{- if and $tls.clientCA.existingConfigMap (not $inPod) }}
{{- fail "tls.clientCA needs tls.existingSecret or tls.certificate: whoever ends TLS asks clients for certificates." }}
{{- end }}
{{- end }}

{{- define "gateway.checkRecords" -}}
{{- $records := .Values.records -}}
{{- $database := $records.database.existingSecret -}}
{{- if and $database $records.existingClaim }}
{{- fail "records.database and records.existingClaim exclude each other: records lie in one place." }}
{{- end }}
{{- if and $database (not $records.masterKey.existingSecret) }}
{{- fail "records.database and records.masterKey go together: every pod must open what another has kept." }}
{{- end }}
{{- if and $records.masterKey.existingSecret (not $database) (not $records.existingClaim) }}
{{- fail "records.masterKey and records.database go together: a key of yours is of no use for records that are lost with a pod." }}
{{- end }}
{{- if and .Values.auth.issuers (not $database) (not $records.existingClaim) }}
{{- fail "Records of patients must not be lost with a pod: give records.database.existingSecret, or records.existingClaim, and records.masterKey.existingSecret." }}
{{- end }}
{{- if and .Values.auth.issuers (not $records.masterKey.existingSecret) }}
{{- fail "The master key must not lie beside the records of patients: give records.masterKey.existingSecret." }}
{{- end }}
{{- if and (or (gt (int .Values.replicas) 1) .Values.autoscaling.enabled) (not $database) }}
{{- fail "Several gateways share one database: give records.database.existingSecret and records.masterKey.existingSecret, or keep replicas at 1 and autoscaling off." }}
{{- end }}
{{- end }}

{{- define "gateway.checkWaysIn" -}}
{{- with .Values.ingress }}{{ if .enabled }}
{{- if not .host }}
{{- fail "ingress.enabled needs ingress.host." }}
{{- end }}
{{- if and (not .tls.enabled) $.Values.auth.issuers }}
{{- fail "Tokens must not travel in clear: keep ingress.tls.enabled." }}
{{- end }}
{{- if eq .host .grpc.host }}
{{- fail "ingress.grpc.host must be another name than ingress.host: controllers speak one protocol to the pods of a name." }}
{{- end }}
{{- end }}{{ end }}
{{- with .Values.gatewayApi }}{{ if .enabled }}
{{- if not .host }}
{{- fail "gatewayApi.enabled needs gatewayApi.host." }}
{{- end }}
{{- if eq .host .grpcHost }}
{{- fail "gatewayApi.grpcHost must be another name than gatewayApi.host: of two routes of one name, a Gateway takes one." }}
{{- end }}
{{- if eq (empty .parentRefs) (empty .gateway.className) }}
{{- fail "gatewayApi needs a Gateway: give gatewayApi.parentRefs, or gatewayApi.gateway.className; one of the two." }}
{{- end }}
{{- if and .gateway.className (not .gateway.tlsSecret) }}
{{- fail "gatewayApi.gateway needs a tlsSecret: callers' data must not travel in clear." }}
{{- end }}
{{- end }}{{ end }}
{{- end }}

{{/* A connection that a policy swallows is a time-out long after the upgrade; so the way must be named. */}}
{{- define "gateway.checkWaysOut" -}}
{{- if and .Values.global.networkPolicy.enabled (not .Values.network.allowTo) }}
{{- $for := list -}}
{{- if .Values.records.database.existingSecret }}{{ $for = append $for "the database" }}{{ end }}
{{- if and .Values.auth.issuers (not .Values.auth.jwks.existingConfigMap) }}{{ $for = append $for "the issuers" }}{{ end }}
{{- if .Values.fhir.writeBack }}{{ $for = append $for "the EHR" }}{{ end }}
{{- if .Values.cds.clients }}{{ $for = append $for "key sets of CDS clients" }}{{ end }}
{{- with $for }}
{{- fail (printf "The network policy shuts the way to %s: name it in network.allowTo (gateway.network.allowTo under the umbrella), e.g. [{cidr: 10.20.0.0/16, ports: [5432, 443]}], or say global.networkPolicy.enabled=false." (join ", " .)) }}
{{- end }}
{{- end }}
{{- end }}
