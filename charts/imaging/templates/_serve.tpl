{{/* Ray Serve's configuration. The cluster holds it as one string in which nobody checks a key: the tests do. */}}

{{- define "imaging.serveConfig" -}}
{{- $encoders := include "imaging.encoders" . | fromYaml -}}
proxy_location: EveryNode
http_options:
  host: 0.0.0.0
  port: 8000
grpc_options:
  port: {{ include "common.grpcPort" . }}
  grpc_servicer_functions:
    - tumorcast.imaging.v1.imaging_service_pb2_grpc.add_ImagingServiceServicer_to_server
    - grpc_health.v1.health_pb2_grpc.add_HealthServicer_to_server
  enable_reflection: false
logging_config:
  log_level: {{ .Values.logLevel }}
  encoding: JSON
  enable_access_log: false
applications:
  - name: imaging
    route_prefix: /
    import_path: tumorcast_imaging.app:build
    args: # fields of tumorcast_imaging.settings.Settings
      {{- include "imaging.settings" . | nindent 6 }}
    deployments:
      - name: ingress
        {{- include "imaging.scaling" .Values.ingress | nindent 8 }}
        max_ongoing_requests: {{ int .Values.ingress.maxConcurrentCalls }}
        max_queued_requests: {{ int .Values.ingress.maxQueuedCalls }}
        graceful_shutdown_timeout_s: {{ int .Values.shutdown.drainSeconds }}
        ray_actor_options:
          num_cpus: {{ int .Values.ingress.cpus }}
          num_gpus: 0
          resources: {ingress: 1}
      {{- range $name, $encoder := $encoders }}
      - name: {{ include "imaging.encoder" $name }}
        {{- include "imaging.scaling" $encoder | nindent 8 }}
        {{- with int $encoder.maxOngoingCrops }}
        max_ongoing_requests: {{ . }}
        {{- end }}
        max_queued_requests: {{ int $encoder.maxQueuedCrops }}
        graceful_shutdown_timeout_s: {{ int $.Values.shutdown.drainSeconds }}
        ray_actor_options:
          num_cpus: {{ include "imaging.part" (dict "whole" $encoder.cpus "replicas" $encoder.replicasPerPod) }}
          num_gpus: {{ include "imaging.part" (dict "whole" $encoder.gpus "replicas" $encoder.replicasPerPod) }}
          resources: { {{- include "imaging.encoder" $name }}: 1}
      {{- end }}
{{- end }}

{{/* Only what every replica has to know: what stands here replaces all replicas when it changes. */}}
{{- define "imaging.settings" -}}
encoders: {{ keys .Values.encoders | sortAlpha | toJson }}
{{- if .Values.encoderFolder.existingClaim }}
encoder_root: {{ include "imaging.encoderPath" . }}
{{- end }}
encoder_placement: {{ .Values.encoderPlacement }}
{{- with include "imaging.encoders" . | fromYaml }}
encoders_resources:
  {{- range $name, $encoder := . }}
  {{ $name }}:
    num_cpus: {{ include "imaging.part" (dict "whole" $encoder.cpus "replicas" $encoder.replicasPerPod) }}
    num_gpus: {{ include "imaging.part" (dict "whole" $encoder.gpus "replicas" $encoder.replicasPerPod) }}
    threads: {{ max 1 (div (int $encoder.cpus) (int $encoder.replicasPerPod)) }}
  {{- end }}
{{- else }}
encoder_threads: {{ int .Values.ingress.cpus }}
{{- end }}
encoder_timeout_s: {{ int .Values.encoding.timeoutSeconds }}
precision: {{ .Values.encoding.precision | quote }}
batch_voxels: {{ int .Values.encoding.batchVoxels }}
{{- if ge (int .Values.encoding.batchWaitMilliseconds) 0 }}
batch_wait_s: {{ divf (int .Values.encoding.batchWaitMilliseconds) 1000 }}
{{- end }}
studies_at_once: {{ int .Values.ingress.studiesAtOnce }}
cache_root: {{ include "imaging.studiesPath" . }}/.embeddings
cache_mib: {{ int .Values.ingress.cacheMiB }}
cache_answers: {{ .Values.ingress.cacheAnswers }}
{{ include "imaging.studySettings" . }}
log_level: {{ .Values.logLevel }}
drain_s: {{ int .Values.shutdown.drainSeconds }}
metrics_host: 0.0.0.0
metrics_port: {{ include "imaging.metricsPort" . }}
{{- end }}

{{- define "imaging.studySettings" -}}
{{- with .Values.studies.dicomweb -}}
{{- if .url -}}
study_store: {{ .url | quote }}
study_cache: {{ include "imaging.studiesPath" $ }}/.dicomweb
study_cache_mib: {{ int .cacheMiB }}
dicomweb_allowed_hosts: {{ toJson .allowedHosts }}
dicomweb_timeout_s: {{ int .timeoutSeconds }}
{{- with .user }}
dicomweb_user: {{ . | quote }}
{{- end }}
{{- if .existingSecret }}
dicomweb_secret_file: {{ include "imaging.dicomwebSecretPath" $ }}/{{ .secretKey }}
{{- end }}
{{- if .ca.existingConfigMap }}
dicomweb_ca_file: {{ include "imaging.dicomwebCaPath" $ }}/{{ .ca.configMapKey }}
{{- end }}
{{- else -}}
study_store: {{ include "imaging.studiesPath" $ }}
{{- end }}
{{- end }}
{{- end }}

{{/* Serve's replicas: a number, or one that follows the load. Takes what has {replicas, autoscaling}. */}}
{{- define "imaging.scaling" -}}
{{- if .autoscaling.enabled -}}
autoscaling_config:
  min_replicas: {{ int .autoscaling.minReplicas }}
  max_replicas: {{ int .autoscaling.maxReplicas }}
  target_ongoing_requests: {{ .autoscaling.targetOngoing }}
  upscale_delay_s: {{ int .autoscaling.upscaleDelaySeconds }}
  downscale_delay_s: {{ int .autoscaling.downscaleDelaySeconds }}
  upscaling_factor: {{ .autoscaling.upscalingFactor }}
  downscaling_factor: {{ .autoscaling.downscalingFactor }}
{{- else -}}
num_replicas: {{ int .replicas }}
{{- end }}
{{- end }}
