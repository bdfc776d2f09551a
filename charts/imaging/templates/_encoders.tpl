{{/* Encoders as the other templates read them: nothing left out, and counted in replicas and in pods. */}}

{{/* What an encoder is that says nothing: ct-lesion as values.yaml has it (a test compares). */}}
{{- define "imaging.encoderDefaults" -}}
replicas: 1
autoscaling:
  enabled: false
  minReplicas: 1
  maxReplicas: 4
  targetOngoing: 8
  upscaleDelaySeconds: 10
  downscaleDelaySeconds: 300
  upscalingFactor: 1
  downscalingFactor: 1
replicasPerPod: 1
cpus: 1
memory: 3Gi
gpus: 0
gpuResource: nvidia.com/gpu
maxOngoingCrops: 0
maxQueuedCrops: 64
nodeSelector: {}
tolerations: []
priorityClassName: ""
runtimeClassName: ""
{{- end }}

{{/* Encoders that have pods of their own, by name, as YAML; none where the ingress holds them. */}}
{{- define "imaging.encoders" -}}
{{- $encoders := dict -}}
{{- if eq .Values.encoderPlacement "apart" -}}
{{- range $name, $own := .Values.encoders -}}
{{- $_ := set $encoders $name (mustMergeOverwrite (include "imaging.encoderDefaults" $ | fromYaml) (deepCopy $own)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $encoders -}}
{{- end }}

{{/* The encoder's Serve deployment, its group of pods, and the custom Ray resource that ties the two together. */}}
{{- define "imaging.encoder" -}}
encoder-{{ . }}
{{- end }}

{{/* A part of a pod for each of its replicas. Ray counts in ten-thousandths: rounded down, so that all parts fit. Takes {whole, replicas}. */}}
{{- define "imaging.part" -}}
{{- divf (div (mul 10000 (int .whole)) (int .replicas)) 10000 -}}
{{- end }}

{{/* Fewest and most pods of a group, which begins with the fewest, as YAML. Takes what has {replicas, autoscaling} and maybe replicasPerPod. */}}
{{- define "imaging.pods" -}}
{{- $each := int (default 1 .replicasPerPod) -}}
{{- $replicas := dict "fewest" .replicas "most" .replicas -}}
{{- with .autoscaling }}{{ if .enabled -}}
{{- $replicas = dict "fewest" .minReplicas "most" .maxReplicas -}}
{{- end }}{{ end -}}
{{- range $name, $count := $replicas }}
{{ $name }}: {{ div (add (int $count) $each -1) $each }}
{{- end }}
{{- end }}

{{/* "true" where the number of any deployment's replicas follows the load, which needs Ray's autoscaler. */}}
{{- define "imaging.autoscaled" -}}
{{- $found := .Values.ingress.autoscaling.enabled -}}
{{- range include "imaging.encoders" . | fromYaml }}{{ if .autoscaling.enabled }}{{ $found = true }}{{ end }}{{ end -}}
{{- if $found }}true{{ end -}}
{{- end }}

{{/* Every group of workers with its pods, as YAML. */}}
{{- define "imaging.groups" -}}
{{- $groups := dict "ingress" (include "imaging.pods" .Values.ingress | fromYaml) -}}
{{- range $name, $encoder := include "imaging.encoders" . | fromYaml -}}
{{- $_ := set $groups (include "imaging.encoder" $name) (include "imaging.pods" $encoder | fromYaml) -}}
{{- end -}}
{{- toYaml $groups -}}
{{- end }}
