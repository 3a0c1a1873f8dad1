{{/* Metadata of a rule object. Takes: root, name. */}}
{{- define "alerts.metadata" -}}
name: {{ .root.Release.Name }}-{{ .name }}
labels:
  app.kubernetes.io/name: alerts
  app.kubernetes.io/instance: {{ .root.Release.Name }}
  app.kubernetes.io/component: {{ .name }}
  app.kubernetes.io/part-of: developer-portal
  app.kubernetes.io/managed-by: {{ .root.Release.Service }}
  helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
  team: platform
{{- end }}

{{/* An alert's runbook bears its name. Takes: root, alert. */}}
{{- define "alerts.runbook" -}}
runbook_url: {{ .root.Values.runbookBaseUrl }}/{{ .alert | kebabcase }}.md
{{- end }}

{{/* Selector of the portal's own series. Takes the root. */}}
{{- define "alerts.portal" -}}
namespace="{{ .Values.portalNamespace }}"
{{- end }}

{{/* Health checks of the kubelet are no requests of people: they would thin out errors, and fail by design while a pod
     starts. Both take the root. */}}
{{- define "alerts.frontend" -}}
job="portal-frontend", {{ include "alerts.portal" . }}, route!~"/api/(health.*|metrics)"
{{- end }}
{{- define "alerts.backend" -}}
job="backstage-backend", {{ include "alerts.portal" . }}, http_route!~"/.backstage/health/.*"
{{- end }}

{{/* Event streams and long polls last as long as they are asked to. */}}
{{- define "alerts.backendAnswers" -}}
job="backstage-backend", {{ include "alerts.portal" . }}, http_route!~"/.backstage/health/.*|.*/(events|eventstream)"
{{- end }}

{{/* The share of failed requests by job: 0 without a failure, nothing without a request.
     Takes: total and errors, selectors of a counter; window. */}}
{{- define "alerts.errorRatio" -}}
(
  sum by (job) (rate({{ .errors }}[{{ .window }}])) or 0 * sum by (job) (rate({{ .total }}[{{ .window }}]))
) / sum by (job) (rate({{ .total }}[{{ .window }}]))
{{- end }}
