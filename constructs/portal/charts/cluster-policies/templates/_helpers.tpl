{{- define "policies.labels" -}}
app.kubernetes.io/name: cluster-policies
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: developer-portal
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* What the policies look at: pods, and whatever has a pod's template, so that a bad one fails where it is written and not
     only in a controller's log. */}}
{{- define "policies.subjects" -}}
failurePolicy: Fail
matchConstraints:
  resourceRules:
    - apiGroups: [""]
      apiVersions: [v1]
      resources: [pods, pods/ephemeralcontainers, replicationcontrollers]
      operations: [CREATE, UPDATE]
    - apiGroups: [apps]
      apiVersions: [v1]
      resources: [deployments, statefulsets, daemonsets, replicasets]
      operations: [CREATE, UPDATE]
    - apiGroups: [batch]
      apiVersions: [v1]
      resources: [jobs, cronjobs]
      operations: [CREATE, UPDATE]
matchConditions:
  # Else what a rule came too late for could not lose its finalizers, and would never go.
  - name: stays
    expression: "!has(object.metadata.deletionTimestamp)"
variables:
  # dyn: the object is of a different type for each kind, and the type checker would complain about all but one.
  - name: spec
    expression: >-
      dyn(object).kind == 'Pod' ? dyn(object).spec
      : dyn(object).kind == 'CronJob' ? dyn(object).spec.jobTemplate.spec.template.spec
      : dyn(object).spec.template.spec
  - name: containers
    expression: >-
      variables.spec.containers
      + (has(variables.spec.initContainers) ? variables.spec.initContainers : [])
  - name: images
    expression: >-
      (variables.containers
      + (has(variables.spec.ephemeralContainers) ? variables.spec.ephemeralContainers : [])).map(c, c.image)
{{- end }}

{{/* Puts a policy of the same name into effect. Takes: root, name, namespaces. */}}
{{- define "policies.binding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ .name }}
  labels: {{- include "policies.labels" .root | nindent 4 }}
spec:
  policyName: {{ .name }}
  validationActions: [{{ .root.Values.action }}, Audit]
  matchResources:
    namespaceSelector:
      matchExpressions:
        - {key: kubernetes.io/metadata.name, operator: In, values: {{ toJson .namespaces }}}
{{- end }}
