{{/* What the gateway reads from files: secrets and authorities, as folders, so that Kubernetes renews them. */}}

{{- define "gateway.folder" -}}
/etc/tumorcast/{{ . }}
{{- end }}

{{- define "gateway.recordsFolder" -}}
/var/lib/tumorcast
{{- end }}

{{/* The files by folder, as {secret | configMap: name, key}; without a key, the whole secret. */}}
{{- define "gateway.files" -}}
{{- with include "gateway.tlsSecret" . }}
tls: {secret: {{ . }}}
{{- end }}
{{- with .Values.tls.clientCA }}{{ if .existingConfigMap }}
client-ca: {configMap: {{ .existingConfigMap }}, key: {{ .configMapKey }}}
{{- end }}{{ end }}
{{- with .Values.auth.jwks }}{{ if .existingConfigMap }}
jwks: {configMap: {{ .existingConfigMap }}, key: {{ .configMapKey }}}
{{- end }}{{ end }}
{{- with .Values.records.masterKey }}{{ if .existingSecret }}
master-key: {secret: {{ .existingSecret }}, key: {{ .secretKey }}}
{{- end }}{{ end }}
{{- with .Values.outbound.ca }}{{ if .existingConfigMap }}
outbound-ca: {configMap: {{ .existingConfigMap }}, key: {{ .configMapKey }}}
{{- end }}{{ end }}
{{- with .Values.fhir.token }}{{ if .existingSecret }}
fhir-token: {secret: {{ .existingSecret }}, key: {{ .secretKey }}}
{{- end }}{{ end }}
{{ include "gateway.databaseFiles" . }}
{{- end }}

{{/* Those that the database is reached with; the migration has no others. */}}
{{- define "gateway.databaseFiles" -}}
{{- with .Values.records.database }}{{ if .existingSecret }}
database: {secret: {{ .existingSecret }}, key: {{ .secretKey }}}
{{- if .ca.existingConfigMap }}
database-ca: {configMap: {{ .ca.existingConfigMap }}, key: {{ .ca.configMapKey }}}
{{- end }}
{{- end }}{{ end }}
{{- end }}

{{/* Takes files as above, YAML. */}}
{{- define "gateway.fileMounts" -}}
{{- range $folder, $file := fromYaml . }}
- name: {{ $folder }}
  mountPath: {{ include "gateway.folder" $folder }}
  readOnly: true
{{- end }}
{{- end }}

{{/* Only the keys that are used, readable by the pod's group alone (fsGroup). */}}
{{- define "gateway.fileVolumes" -}}
{{- range $folder, $file := fromYaml . }}
- name: {{ $folder }}
  {{- if $file.secret }}
  secret:
    secretName: {{ $file.secret }}
    defaultMode: 0440
  {{- else }}
  configMap:
    name: {{ $file.configMap }}
  {{- end }}
  {{- with $file.key }}
    items:
      - key: {{ . }}
        path: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "gateway.mounts" -}}
- name: records
  mountPath: {{ include "gateway.recordsFolder" . }}
{{- include "gateway.fileMounts" (include "gateway.files" .) }}
{{- end }}

{{- define "gateway.volumes" -}}
- name: records
  {{- if .Values.records.existingClaim }}
  persistentVolumeClaim:
    claimName: {{ .Values.records.existingClaim }}
  {{- else }}
  emptyDir:
    sizeLimit: {{ .Values.records.size }}
  {{- end }}
{{- include "gateway.fileVolumes" (include "gateway.files" .) }}
{{- end }}
