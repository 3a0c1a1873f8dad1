{{/* Labels of an object. Takes: root, part. */}}
{{- define "archive.labels" -}}
{{ include "archive.podLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* Labels of a pod: none that changes with the chart's version. Takes: root, part. */}}
{{- define "archive.podLabels" -}}
{{ include "archive.selector" . }}
app.kubernetes.io/part-of: developer-portal
{{- end }}

{{/* Never changes: selectors are immutable. Takes: root, part. */}}
{{- define "archive.selector" -}}
app.kubernetes.io/name: metrics-archive
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{/* Metadata of a pod. Takes: root, part. */}}
{{- define "archive.podMetadata" -}}
labels:
  {{- include "archive.podLabels" . | nindent 2 }}
  {{- with .root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  checksum/objects: {{ toJson .root.Values.objects | sha256sum }}
{{- end }}

{{/* What all pods have in common. Takes: root, part. */}}
{{- define "archive.pod" -}}
serviceAccountName: {{ .root.Values.serviceAccount }}
automountServiceAccountToken: false
enableServiceLinks: false
priorityClassName: {{ .root.Values.priorityClass }}
securityContext:
  runAsNonRoot: true
  runAsUser: 1001
  runAsGroup: 1001
  fsGroup: 1001
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "archive.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}

{{/* Ports, probes and rights of a container. Takes: root, part. */}}
{{- define "archive.container" -}}
ports:
  {{- if ne .part "compactor" }}
  - {name: grpc, containerPort: 10901}
  {{- end }}
  - {name: http, containerPort: 10902}
livenessProbe:
  httpGet: {path: /-/healthy, port: http}
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /-/ready, port: http}
  periodSeconds: 5
  timeoutSeconds: 3
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* A disruption budget where there is a pod to spare. Takes: root, part. */}}
{{- define "archive.budget" -}}
{{- if gt (int .root.Values.replicas) 1 }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .root.Release.Name }}-{{ .part }}
  labels: {{- include "archive.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "archive.selector" . | nindent 6 }}
{{- end }}
{{- end }}

{{/* A Service; headless, so that a name stands for all pods. Takes: root, part. */}}
{{- define "archive.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .root.Release.Name }}-{{ .part }}
  labels: {{- include "archive.labels" . | nindent 4 }}
spec:
  {{- if eq .part "store" }}
  clusterIP: None
  {{- end }}
  selector: {{- include "archive.selector" . | nindent 4 }}
  ports:
    {{- if ne .part "compactor" }}
    - {name: grpc, port: 10901, targetPort: grpc}
    {{- end }}
    - {name: http, port: 10902, targetPort: http}
{{- end }}
