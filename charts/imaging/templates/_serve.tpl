{{/* Ray Serve's configuration. The cluster holds it as one string in which nobody checks a key: the tests do. */}}

{{/* The encoder's Serve deployment, its group of pods, and the custom Ray resource that ties the two together. */}}
{{- define "imaging.encoder" -}}
encoder-{{ . }}
{{- end }}

{{- define "imaging.serveConfig" -}}
{{- $first := first (values .Values.encoders) -}}
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
      encoders: {{ keys .Values.encoders | sortAlpha | toJson }}
      study_store: {{ include "imaging.studiesPath" . }}
      log_level: {{ .Values.logLevel }}
      drain_s: {{ int .Values.shutdown.drainSeconds }}
      cache_root: {{ include "imaging.studiesPath" . }}/.embeddings
      cache_mib: {{ int .Values.ingress.cacheMiB }}
      encoder_num_cpus: {{ int $first.cpus }}
      encoder_num_gpus: {{ int $first.gpus }}
      encoder_threads: {{ int $first.cpus }}
    deployments:
      - name: ingress
        num_replicas: {{ int .Values.ingress.replicas }}
        max_ongoing_requests: {{ int .Values.ingress.maxConcurrentCalls }}
        max_queued_requests: {{ int .Values.ingress.maxQueuedCalls }}
        graceful_shutdown_timeout_s: {{ int .Values.shutdown.drainSeconds }}
        ray_actor_options:
          num_cpus: {{ int .Values.ingress.cpus }}
          num_gpus: 0
          resources: {ingress: 1}
      {{- range $name, $encoder := .Values.encoders }}
      - name: {{ include "imaging.encoder" $name }}
        num_replicas: {{ int $encoder.replicas }}
        max_ongoing_requests: {{ int $encoder.maxOngoingCrops }}
        max_queued_requests: {{ int $encoder.maxQueuedCrops }}
        graceful_shutdown_timeout_s: {{ int $.Values.shutdown.drainSeconds }}
        ray_actor_options:
          num_cpus: {{ int $encoder.cpus }}
          num_gpus: {{ int $encoder.gpus }}
          resources: { {{- include "imaging.encoder" $name }}: 1}
      {{- end }}
{{- end }}
