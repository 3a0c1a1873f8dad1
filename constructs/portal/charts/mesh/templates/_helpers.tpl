{{- define "mesh.labels" -}}
app.kubernetes.io/name: mesh
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: developer-portal
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* An identity in whatever trust domain the mesh has. Takes: namespace, serviceAccount. */}}
{{- define "mesh.principal" -}}
"*/ns/{{ .namespace }}/sa/{{ .serviceAccount }}"
{{- end }}

{{/* An AuthorizationPolicy that lets callers reach ports of one workload. Takes: root, namespace, name, app, callers, ports. */}}
{{- define "mesh.allow" -}}
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels: {{- include "mesh.labels" .root | nindent 4 }}
spec:
  action: ALLOW
  selector: {matchLabels: {app: {{ .app }}}}
  rules:
    - from:
        - source:
            principals:
              {{- range .callers }}
              - {{ include "mesh.principal" . }}
              {{- end }}
      to:
        - operation: {ports: {{ toJson .ports }}}
{{- end }}
