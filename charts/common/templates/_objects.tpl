{{/* What stands around the Deployment of a grpc.aio service: account, budget, autoscaler, monitor, policy, certificate.
Takes what "common.networkPolicy" takes. */}}
{{- define "common.grpc.objects" -}}
{{- $ := .root -}}
{{- $objects := list
  (include "common.serviceAccount" $)
  (include "common.disruptionBudget" $)
  (include "common.autoscaler" $)
  (include "common.serviceMonitor" (dict "root" $))
  (include "common.networkPolicy" .)
  (include "common.mtls.certificate" $)
  (include "common.mtls.authorityObjects" $)
-}}
{{- range $objects }}{{ with trim . }}
---
{{ . }}
{{- end }}{{ end }}
{{- end }}

{{/* The same for a service that only the gateway calls, on its one port, and that calls nobody. */}}
{{- define "common.grpc.objectsBehindTheGateway" -}}
{{- include "common.grpc.objects" (dict "root" . "callers" (list "gateway") "ports" (list (include "common.grpcPort" .))) }}
{{- end }}
