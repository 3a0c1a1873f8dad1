{{- define "managed.podLabels" -}}
app.kubernetes.io/name: managed-stores
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: developer-portal
{{- end }}

{{- define "managed.labels" -}}
{{ include "managed.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* What an application's user may do in its database; each line does nothing the second time. Takes: a database. */}}
{{- define "managed.grants" -}}
SELECT 'CREATE ROLE {{ .user }} LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{{ .user }}') \gexec
{{- range .grants }}
GRANT {{ . }} TO {{ $.user }};
{{- end }}
GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {{ .name }} TO {{ .user }};
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
{{- end }}

{{/* Fetches a JSON object, whose entries become those of the Secret. Takes: root, name, remote. */}}
{{- define "managed.fetched" -}}
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: {{ .name }}
  labels: {{- include "managed.labels" .root | nindent 4 }}
spec:
  refreshPolicy: Periodic
  {{- /* A first password is replaced at once, while those who need it already start. */}}
  refreshInterval: 5m
  secretStoreRef: {kind: ClusterSecretStore, name: {{ .root.Values.store }}}
  dataFrom:
    - extract: {key: {{ .remote | quote }}}
  target:
    name: {{ .name }}
    creationPolicy: Owner
    deletionPolicy: Retain
{{- end }}
