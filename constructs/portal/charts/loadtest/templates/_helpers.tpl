{{- define "loadtest.labels" -}}
app.kubernetes.io/name: loadtest
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: developer-portal
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* The Job's name carries what it runs: a Job is never changed, and other values are another run. */}}
{{- define "loadtest.run" -}}
{{ toJson .Values | sha256sum | trunc 8 }}
{{- end }}

{{/* Of `arguments`: --run-time, or how long the profile is without it. The suite's own lengths; a test holds them. */}}
{{- define "loadtest.profileSeconds" -}}
{{- $lengths := dict "smoke" 60 "ramp" 600 "steady" 600 "spike" 600 "soak" 28800 "breakpoint" 1800 }}
{{- $words := join " " .Values.arguments }}
{{- $profile := regexFind "(^| )--profile[= ][a-z]+" $words | regexFind "[a-z]+$" }}
{{- $time := regexFind "(^| )(--run-time[= ]|-t[= ]?)[0-9hms]+" $words | regexFind "[0-9hms]+$" }}
{{- $hours := regexFind "[0-9]+h" $time | trimSuffix "h" | int }}
{{- $minutes := regexFind "[0-9]+m" $time | trimSuffix "m" | int }}
{{- $rest := regexFind "[0-9]+s?$" $time | trimSuffix "s" | int }}
{{- ternary (add (mul $hours 3600) (mul $minutes 60) $rest) (get $lengths $profile | int) (ne $time "") }}
{{- end }}

{{/* Seconds that the plan is known to take, and the report to be taken: what a calibration works out comes on top.
     Measuring takes 360, what an earlier run measured 15 to look. */}}
{{- define "loadtest.knownSeconds" -}}
{{- $seconds := include "loadtest.profileSeconds" . | int }}
{{- with .Values.autoscaler }}
{{- $seconds = 0 }}
{{- range .steps }}
{{- $seconds = addf $seconds .hold_seconds }}
{{- end }}
{{- with .calibration }}
{{- $steps := add1 (len (.climb | default list)) }}
{{- $seconds = addf (ternary 360 15 (hasKey . "rate_rps")) (mulf $steps (.hold_seconds | default 0)) }}
{{- end }}
{{- end }}
{{- add (ceil $seconds | int) .Values.keepReportSeconds }}
{{- end }}

{{/* Seconds until a run that hangs is ended; never before its plan is. */}}
{{- define "loadtest.deadline" -}}
{{- $known := include "loadtest.knownSeconds" . | int }}
{{- $deadline := .Values.deadlineSeconds | default (add $known 7200) | int }}
{{- if lt $deadline $known }}
{{- fail (printf "deadlineSeconds = %d would end the run before its plan and keepReportSeconds, which take %d s at least; raise it, or leave it out" $deadline $known) }}
{{- end }}
{{- $deadline }}
{{- end }}

{{/* A Job of one role. Takes: root, role, pods, arguments. */}}
{{- define "loadtest.job" -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .root.Release.Name }}-{{ .role }}-{{ include "loadtest.run" .root }}
  labels:
    {{- include "loadtest.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .role }}
spec:
  parallelism: {{ .pods }}
  completions: {{ .pods }}
  # The exit code is the verdict: a second try would hide the first.
  backoffLimit: 0
  activeDeadlineSeconds: {{ include "loadtest.deadline" .root }}
  template:
    metadata:
      labels:
        app: {{ .root.Release.Name }}
        app.kubernetes.io/name: loadtest
        app.kubernetes.io/component: {{ .role }}
      annotations:
        # A worker that is moved is a worker lost, and the run with it.
        cluster-autoscaler.kubernetes.io/safe-to-evict: "false"
    spec:
      restartPolicy: Never
      serviceAccountName: {{ .root.Release.Name }}-{{ .role }}
      automountServiceAccountToken: {{ and (eq .role "master") (not (empty .root.Values.autoscaler)) }}
      enableServiceLinks: false
      # A run that is told to stop writes its report first.
      terminationGracePeriodSeconds: 60
      securityContext:
        runAsNonRoot: true
        runAsUser: 1000
        runAsGroup: 1000
        fsGroup: 1000
        seccompProfile: {type: RuntimeDefault}
      {{- with .root.Values.nodeSelector }}
      nodeSelector: {{ toJson . }}
      {{- end }}
      containers:
        - name: locust
          image: {{ .root.Values.image }}
          args:
            - --headless
            - --host
            - {{ .root.Values.host }}
            {{- range concat .arguments .root.Values.arguments }}
            - {{ . | quote }}
            {{- end }}
          env:
            - {name: LOADTEST_REPORT_DIR, value: /reports}
            {{- if eq .role "master" }}
            - {name: LOADTEST_METRICS_PORT, value: "9646"}
            - {name: LOADTEST_KEEP_REPORT_SECONDS, value: {{ .root.Values.keepReportSeconds | quote }}}
            {{- if not .root.Values.production }}
            - {name: LOADTEST_PRODUCTION_HOST, value: none}
            {{- end }}
            {{- end }}
            {{- with .root.Values.autoscaler }}
            - {name: LOADTEST_AUTOSCALING, value: /etc/loadtest/autoscaling.yaml}
            {{- with .calibration }}
            {{- if .rate_rps }}
            - {name: LOADTEST_CALIBRATION, value: measure}
            - {name: LOADTEST_RATE, value: {{ .rate_rps | quote }}}
            {{- else }}
            - {name: LOADTEST_CALIBRATION, value: /etc/loadtest/report.json}
            {{- end }}
            {{- end }}
            {{- end }}
            {{- if .root.Values.token }}
            - name: PORTAL_TOKEN
              valueFrom:
                secretKeyRef: {name: {{ .root.Release.Name }}-token, key: token}
            {{- end }}
          {{- if eq .role "master" }}
          ports:
            - {name: workers, containerPort: 5557}
            - {name: metrics, containerPort: 9646}
          {{- end }}
          resources:
            requests: {cpu: {{ .root.Values.resources.cpu | quote }}, memory: {{ .root.Values.resources.memory }}}
            limits: {memory: {{ .root.Values.resources.memory }}}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            - {name: reports, mountPath: /reports}
            {{- if .root.Values.autoscaler }}
            - {name: autoscaling, mountPath: /etc/loadtest, readOnly: true}
            {{- end }}
      volumes:
        - name: tmp
          emptyDir: {sizeLimit: 256Mi}
        # The verdict is printed too: files go with the container, unless keepReportSeconds gives time to take them.
        - name: reports
          emptyDir: {sizeLimit: 1Gi}
        {{- with .root.Values.autoscaler }}
        - name: autoscaling
          projected:
            sources:
              - configMap: {name: {{ $.root.Release.Name }}}
              {{- with .calibration }}
              {{- if .config_map }}
              - configMap: {name: {{ .config_map }}, items: [{key: report.json, path: report.json}]}
              {{- end }}
              {{- end }}
        {{- end }}
{{- end }}
