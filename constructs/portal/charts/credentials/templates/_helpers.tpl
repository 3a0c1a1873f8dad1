{{/* Of the Secrets, whose metadata an immutable one keeps from its first day. */}}
{{- define "credentials.permanentLabels" -}}
app.kubernetes.io/name: credentials
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: developer-portal
{{- end }}

{{- define "credentials.labels" -}}
{{ include "credentials.permanentLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}
