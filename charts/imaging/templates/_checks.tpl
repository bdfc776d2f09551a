{{/* What a schema cannot refuse: values that contradict one another, or what KubeRay would refuse. */}}

{{- define "imaging.check" -}}
{{- $fullname := include "common.fullname" . -}}
{{- if gt (len $fullname) 41 -}}
{{- fail (printf "KubeRay allows a RayService's name 41 characters; %q has %d. Use a shorter release name." $fullname (len $fullname)) -}}
{{- end -}}
{{- include "imaging.checkStudies" . -}}
{{- include "imaging.checkScaling" (dict "name" "ingress" "scaling" .Values.ingress.autoscaling "ongoing" .Values.ingress.maxConcurrentCalls "limit" "maxConcurrentCalls") -}}
{{- if eq .Values.encoderPlacement "ingress" -}}
{{- range $name, $encoder := .Values.encoders -}}
{{- if or (gt (int $encoder.gpus) 0) ($encoder.autoscaling).enabled -}}
{{- fail (printf "encoders.%s has GPUs or autoscaling of its own, which encoderPlacement=ingress does not give: set encoderPlacement=apart." $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $encoder := include "imaging.encoders" . | fromYaml -}}
{{- $ongoing := $encoder.maxOngoingCrops | int | default 32 -}}
{{- include "imaging.checkScaling" (dict "name" (printf "encoders.%s" $name) "scaling" $encoder.autoscaling "ongoing" $ongoing "limit" "maxOngoingCrops") -}}
{{- include "imaging.checkShares" (dict "name" $name "encoder" $encoder) -}}
{{- end -}}
{{- end }}

{{- define "imaging.checkStudies" -}}
{{- $dicomweb := .Values.studies.dicomweb -}}
{{- if and $dicomweb.url .Values.studies.existingClaim -}}
{{- fail "studies.dicomweb.url and studies.existingClaim exclude each other: give one of them." -}}
{{- end -}}
{{- if $dicomweb.url -}}
{{- $host := regexReplaceAll "^https?://([^/@]*@)?([^/?#]+).*$" $dicomweb.url "${2}" -}}
{{- if not (or (has $host $dicomweb.allowedHosts) (has (regexReplaceAll ":[0-9]+$" $host "") $dicomweb.allowedHosts)) -}}
{{- fail (printf "studies.dicomweb.allowedHosts must name the server's host, %s." $host) -}}
{{- end -}}
{{- else if or $dicomweb.existingSecret $dicomweb.user $dicomweb.ca.existingConfigMap -}}
{{- fail "studies.dicomweb has a user, a secret or certificate authorities, but no url." -}}
{{- end -}}
{{- if and (include "imaging.autoscaled" .) (not .Values.autoscaler.enabled) -}}
{{- fail "autoscaling needs Ray's autoscaler: leave autoscaler.enabled true." -}}
{{- end -}}
{{- $most := index (include "imaging.pods" .Values.ingress | fromYaml) "most" -}}
{{- if and (gt (int $most) 1) (not .Values.studies.existingClaim) (not $dicomweb.url) -}}
{{- fail "More than one ingress replica needs studies.existingClaim or studies.dicomweb.url: without them, each replica would see only the studies that were uploaded to it." -}}
{{- end -}}
{{- end }}

{{/* Takes {name, scaling, ongoing, limit}. */}}
{{- define "imaging.checkScaling" -}}
{{- if .scaling.enabled -}}
{{- if gt (int .scaling.minReplicas) (int .scaling.maxReplicas) -}}
{{- fail (printf "%s.autoscaling.minReplicas must not exceed maxReplicas." .name) -}}
{{- end -}}
{{- if gt (float64 .scaling.targetOngoing) (float64 .ongoing) -}}
{{- fail (printf "%s.autoscaling.targetOngoing must not exceed %s, %v: a replica would never have as many." .name .limit .ongoing) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* GPUs and replicas of a pod divide one another, or a replica would lie across two GPUs. Takes {name, encoder}. */}}
{{- define "imaging.checkShares" -}}
{{- $gpus := int .encoder.gpus -}}
{{- $replicas := int .encoder.replicasPerPod -}}
{{- if and $gpus (mod $gpus $replicas) (mod $replicas $gpus) -}}
{{- fail (printf "encoders.%s: %d GPUs do not divide evenly among replicasPerPod=%d." .name $gpus $replicas) -}}
{{- end -}}
{{- if gt $replicas (mul 8 (int .encoder.cpus)) -}}
{{- fail (printf "encoders.%s: cpus=%d is too little for replicasPerPod=%d; give at least one for every eight." .name (int .encoder.cpus) $replicas) -}}
{{- end -}}
{{- end }}
