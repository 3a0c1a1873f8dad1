{{- define "postgres.labels" -}}
app.kubernetes.io/name: postgresql
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: database
app.kubernetes.io/part-of: developer-portal
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* Every pod that the operator starts for this cluster, its jobs included. */}}
{{- define "postgres.pods" -}}
cnpg.io/cluster: {{ .Release.Name }}
{{- end }}

{{/* A quarter of the requested memory, PostgreSQL's own advice for a dedicated server. */}}
{{- define "postgres.sharedBuffers" -}}
{{- $memory := .Values.resources.requests.memory -}}
{{- $mebibytes := int (regexFind "^[0-9]+" $memory) -}}
{{- if hasSuffix "Gi" $memory }}{{ $mebibytes = mul 1024 $mebibytes }}{{ end -}}
{{ div $mebibytes 4 }}MB
{{- end }}

{{/* Half of the log's volume for replicas that are away; the rest for what is still to be archived. Without a bound a replica
     that never comes back fills the volume, and the primary stops. */}}
{{- define "postgres.keptForReplicas" -}}
{{- $size := .Values.storage.walSize -}}
{{- $mebibytes := int (regexFind "^[0-9]+" $size) -}}
{{- if hasSuffix "Gi" $size }}{{ $mebibytes = mul 1024 $mebibytes }}{{ end -}}
{{ div $mebibytes 2 }}MB
{{- end }}

{{/* The Barman Cloud plugin, pointed at one server's folder of the store. */}}
{{- define "postgres.plugin" -}}
name: barman-cloud.cloudnative-pg.io
parameters:
  barmanObjectName: {{ .root.Release.Name }}
  serverName: {{ .server }}
{{- end }}

{{- define "postgres.toNames" -}}
to:
  - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
  {{- range .Values.network.dnsCidrs }}
  - ipBlock: {cidr: {{ . }}}
  {{- end }}
ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
{{- end }}

{{- define "postgres.toApiServer" -}}
to:
  {{- range .Values.network.apiServer.cidrs }}
  - ipBlock: {cidr: {{ . }}}
  {{- end }}
ports:
  {{- range .Values.network.apiServer.ports }}
  - {protocol: TCP, port: {{ . }}}
  {{- end }}
{{- end }}
