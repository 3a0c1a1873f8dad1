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
