{{/* The two applications: what tells them apart wherever they are treated alike. */}}
{{- define "portal.applications" -}}
portal-frontend: {component: frontend, port: 4400, metrics: {port: http, number: 4400, path: /api/metrics}}
backstage-backend: {component: backend, port: 7007, metrics: {port: metrics, number: 9464, path: /metrics}}
{{- end }}

{{/* Labels of an object. Takes: root, app. */}}
{{- define "portal.labels" -}}
{{ include "portal.podLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* Labels of a pod: none that changes with the chart's version, or every release would restart every pod. */}}
{{- define "portal.podLabels" -}}
{{- $applications := include "portal.applications" . | fromYaml -}}
{{ include "portal.selector" . }}
app.kubernetes.io/name: {{ .app }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ (index $applications .app).component }}
app.kubernetes.io/part-of: developer-portal
{{- if .root.Values.mesh }}
sidecar.istio.io/inject: "true"
{{- end }}
{{- end }}

{{/* Annotations of a pod: where its proxy finds metrics to show with its own. Takes: root, app. */}}
{{- define "portal.podAnnotations" -}}
{{- if .root.Values.mesh }}
{{- $metrics := (index (include "portal.applications" . | fromYaml) .app).metrics }}
prometheus.io/scrape: "true"
prometheus.io/port: {{ $metrics.number | quote }}
prometheus.io/path: {{ $metrics.path }}
{{- end }}
{{- end }}

{{/* The port that Prometheus reads: the application's, or its proxy's, which shows both. Takes: root, app. */}}
{{- define "portal.metricsPort" -}}
{{- if .root.Values.mesh }}15020{{ else }}{{ (index (include "portal.applications" . | fromYaml) .app).metrics.number }}{{ end }}
{{- end }}

{{/* What Deployments, Services, budgets and network policies select by. Never changes: selectors are immutable. */}}
{{- define "portal.selector" -}}
app: {{ .app }}
{{- end }}

{{/* A fixed number of replicas, or nothing where an autoscaler decides. Takes: root, component. */}}
{{- define "portal.replicas" -}}
{{- $replicas := (index .root.Values .component).replicas }}
{{- if gt (int $replicas.min) (int $replicas.max) }}
{{- fail (printf "%s.replicas.min = %v is above %s.replicas.max = %v" .component $replicas.min .component $replicas.max) }}
{{- end }}
{{- if eq (int $replicas.min) (int $replicas.max) -}}
replicas: {{ $replicas.min }}
{{- end }}
{{- end }}

{{/* Requests equal limits, so that neighbours cannot slow or evict the portal. Takes: cpu, memory. */}}
{{- define "portal.resources" -}}
requests: {{ dict "cpu" .cpu "memory" .memory | toJson }}
limits: {{ dict "cpu" .cpu "memory" .memory | toJson }}
{{- end }}

{{/* Node's heap grows to this and then stays, so that it decides where memory rests after a load: below what the
     autoscaler needs to come back to its fewest pods. 45 % of the container's memory, in MiB. Takes: memory. */}}
{{- define "portal.heapMebibytes" -}}
{{- $amount := int (regexFind "^[0-9]+" .memory) -}}
{{- if hasSuffix "Gi" .memory }}{{ $amount = mul 1024 $amount }}{{ end -}}
{{ div (mul $amount 45) 100 }}
{{- end }}

{{/* How long a server keeps a connection that nobody uses: longer than any caller does, the mesh's proxies 60 seconds.
     Node.js closes after 5, and what a caller sends in that moment is lost. */}}
{{- define "portal.keepAliveSeconds" -}}75{{- end }}

{{/* What both pods have in common. Takes: root, app. */}}
{{- define "portal.pod" -}}
serviceAccountName: {{ .app }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.priorityClass }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
# Preferred, not demanded: a cluster of one zone or node has to work, and a full zone must not stop a scale-up.
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "portal.selector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
# The constraints count pods of one version; while a new one comes, this keeps its pods off the nodes of the old ones.
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 50
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels: {{- include "portal.selector" . | nindent 14 }}
{{- end }}

{{- define "portal.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
