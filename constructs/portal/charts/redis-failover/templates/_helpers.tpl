{{/* Never carries what changes between releases: the operator copies a resource's labels to its pods and volume claims,
     where a change restarts every pod, and a label `app` would replace the one that everything selects by. */}}
{{- define "redis.resourceLabels" -}}
app.kubernetes.io/name: redis
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: developer-portal
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "redis.labels" -}}
{{ include "redis.resourceLabels" . }}
app.kubernetes.io/component: cache
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* The operator puts `app: NAME` on Redis pods and `app: NAME-s` on Sentinel pods. */}}
{{- define "redis.pods" -}}
matchExpressions:
  - {key: app, operator: In, values: [{{ .Release.Name }}, {{ .Release.Name }}-s]}
{{- end }}

{{- define "redis.passwordRef" -}}
{name: {{ .Values.secret.name }}, key: {{ .Values.secret.key }}}
{{- end }}

{{- define "redis.config" -}}
{{- $limit := .Values.redis.resources.limits.memory -}}
{{- $mebibytes := int (regexFind "^[0-9]+" $limit) -}}
{{- if hasSuffix "Gi" $limit }}{{ $mebibytes = mul 1024 $mebibytes }}{{ end -}}
# The rest of the limit is for copies that a snapshot makes of pages written meanwhile, and for replication buffers.
maxmemory {{ div (mul $mebibytes 3) 4 }}mb
maxmemory-policy {{ .Values.maxMemoryPolicy }}
{{- end }}

{{/* What Redis and Sentinel pods have in common, as fields of a spec. Takes: root, app, replicas. */}}
{{- define "redis.pod" -}}
serviceAccountName: {{ .root.Release.Name }}
{{- with .root.Values.priorityClass }}
priorityClassName: {{ . }}
{{- end }}
podSecurityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  seccompProfile: {type: RuntimeDefault}
securityContext: {{- include "redis.containerSecurity" . | nindent 2 }}
{{- if gt (int .replicas) 1 }}
topologySpreadConstraints:
  - topologyKey: topology.kubernetes.io/zone
    maxSkew: 1
    whenUnsatisfiable: DoNotSchedule
    labelSelector: {matchLabels: {app: {{ .app }}}}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- end }}

{{/* No read-only root: the images' entry points complete their configuration under /etc. */}}
{{- define "redis.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
{{- end }}

{{- define "redis.dns" -}}
- to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
    {{- range .Values.network.dnsCidrs }}
    - ipBlock: {cidr: {{ . }}}
    {{- end }}
  ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
{{- end }}
