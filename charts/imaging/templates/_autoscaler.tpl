{{/* Ray's autoscaler. KubeRay adds its container to the head's pod, with a Role for the head's account. */}}

{{- define "imaging.autoscalerOptions" -}}
version: v2
idleTimeoutSeconds: {{ int .Values.autoscaler.idleTimeoutSeconds }}
upscalingMode: {{ .Values.autoscaler.upscalingMode }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- $resources := dict "cpu" (toString .Values.autoscaler.cpu) "memory" .Values.autoscaler.memory }}
resources:
  requests: {{- toYaml $resources | nindent 4 }}
  limits: {{- toYaml $resources | nindent 4 }}
securityContext: {{- get (include "common.container" . | fromYaml) "securityContext" | toYaml | nindent 2 }}
env:
  - name: HOME
    value: /tmp
  - name: RAY_USAGE_STATS_ENABLED
    value: "0"
volumeMounts:
  - name: autoscaler-tmp
    mountPath: /tmp
  - name: autoscaler-token
    mountPath: /var/run/secrets/kubernetes.io/serviceaccount
    readOnly: true
{{- end }}

{{/* The pod mounts no token by itself; this one, short-lived, is seen by the autoscaler's container alone. */}}
{{- define "imaging.autoscalerVolumes" -}}
- name: autoscaler-tmp
  emptyDir:
    sizeLimit: 1Gi
- name: autoscaler-token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3607
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
      - downwardAPI:
          items:
            - path: namespace
              fieldRef:
                fieldPath: metadata.namespace
{{- end }}
