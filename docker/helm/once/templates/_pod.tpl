{{- define "once.env" -}}
- name: ONCE_BOOTSTRAP_SERVERS
  value: {{ .Values.kafka.bootstrapServers | quote }}
- name: ONCE_APPLICATION_ID
  value: {{ include "once.applicationId" . | quote }}
# Part of the transactional IDs: what a pod of this name left open is fenced at once.
- name: ONCE_INSTANCE_ID
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: ONCE_STATIC_MEMBERSHIP
  value: {{ and (eq .Values.workload "StatefulSet") .Values.staticMembership | ternary "true" "false" | quote }}
- name: ONCE_STATE_DIR
  value: /var/lib/once/state
- name: ONCE_SESSION_TIMEOUT
  value: "{{ int .Values.sessionTimeoutSeconds }}s"
- name: ONCE_TRANSACTION_TIMEOUT
  value: "{{ int .Values.transactionTimeoutSeconds }}s"
{{- if .Values.http.enabled }}
- name: ONCE_HTTP_LISTEN
  value: "{{ .Values.http.address }}:{{ int .Values.http.port }}"
{{- if not (hasKey .Values.options "start_timeout") }}
# Who looks sees why it waits, and another start would help nobody.
- name: ONCE_START_TIMEOUT
  value: 1h
{{- end }}
{{- if .Values.http.tokenSecret }}
- name: ONCE_HTTP_TOKEN_FILE
  value: {{ printf "/etc/once/http/%s" .Values.http.tokenKey | quote }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.options }}
- name: ONCE_{{ upper $name }}
  value: {{ include "once.scalar" $value | quote }}
{{- end }}
- name: KAFKA_SECURITY_PROTOCOL
  value: {{ include "once.securityProtocol" . }}
{{- if include "once.caSecret" . }}
- name: KAFKA_SSL_CA_LOCATION
  value: {{ printf "/etc/once/ca/%s" .Values.kafka.tls.caKey | quote }}
{{- end }}
{{- if eq .Values.kafka.authentication.type "tls" }}
- name: KAFKA_SSL_CERTIFICATE_LOCATION
  value: /etc/once/user/user.crt
- name: KAFKA_SSL_KEY_LOCATION
  value: /etc/once/user/user.key
{{- else if include "once.isSasl" . }}
- name: KAFKA_SASL_MECHANISM
  value: {{ upper .Values.kafka.authentication.type }}
- name: KAFKA_SASL_USERNAME
  value: {{ include "once.username" . | quote }}
# A file follows its secret, so that a new password reaches pods that run.
- name: KAFKA_SASL_PASSWORD_FILE
  value: /etc/once/user/password
{{- end }}
{{- range $name, $value := .Values.kafka.properties }}
- name: KAFKA_{{ $name | replace "_" "___" | replace "-" "__" | replace "." "_" | upper }}
  value: {{ include "once.scalar" $value | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* 0440: root owns what is mounted, and fsGroup lets the pod's user read it. */ -}}
{{- define "once.secretVolumes" -}}
{{- if include "once.caSecret" . }}
- name: ca
  secret:
    secretName: {{ include "once.caSecret" . }}
    defaultMode: 0440
    items:
      - {key: {{ .Values.kafka.tls.caKey | quote }}, path: {{ .Values.kafka.tls.caKey | quote }}}
{{- end }}
{{- if eq .Values.kafka.authentication.type "tls" }}
- name: user
  secret:
    secretName: {{ include "once.userSecret" . }}
    defaultMode: 0440
    items:
      - {key: user.crt, path: user.crt}
      - {key: user.key, path: user.key}
{{- else if include "once.isSasl" . }}
- name: user
  secret:
    secretName: {{ include "once.userSecret" . }}
    defaultMode: 0440
    items:
      - {key: password, path: password}
{{- end }}
{{- if and .Values.http.enabled .Values.http.tokenSecret }}
- name: http-token
  secret:
    secretName: {{ .Values.http.tokenSecret }}
    defaultMode: 0440
    items:
      - {key: {{ .Values.http.tokenKey | quote }}, path: {{ .Values.http.tokenKey | quote }}}
{{- end }}
{{- end -}}

{{- define "once.secretMounts" -}}
{{- if include "once.caSecret" . }}
- {name: ca, mountPath: /etc/once/ca, readOnly: true}
{{- end }}
{{- if ne .Values.kafka.authentication.type "none" }}
- {name: user, mountPath: /etc/once/user, readOnly: true}
{{- end }}
{{- if and .Values.http.enabled .Values.http.tokenSecret }}
- {name: http-token, mountPath: /etc/once/http, readOnly: true}
{{- end }}
{{- end -}}

{{- define "once.podSecurityContext" -}}
runAsNonRoot: true
{{- with .Values.runAsUser }}
runAsUser: {{ int . }}
runAsGroup: {{ int . }}
fsGroup: {{ int . }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "once.containerSecurityContext" -}}
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "once.probes" -}}
{{- with .Values.http.liveness }}
livenessProbe:
  httpGet: {path: /livez, port: http}
  periodSeconds: {{ int .periodSeconds }}
  timeoutSeconds: {{ int .timeoutSeconds }}
  failureThreshold: {{ int .failureThreshold }}
{{- end }}
{{- with .Values.http.readiness }}
{{- if .enabled }}
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: {{ int .periodSeconds }}
  timeoutSeconds: {{ int .timeoutSeconds }}
  failureThreshold: {{ int .failureThreshold }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "once.placement" -}}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- if .Values.spreadOver }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: {{ .Values.spreadOver }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "once.selectorLabels" . | nindent 8 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "once.container" -}}
- name: once
  image: {{ include "once.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  env:
    {{- include "once.env" . | nindent 4 }}
  {{- if .Values.http.enabled }}
  ports:
    - {name: http, containerPort: {{ int .Values.http.port }}, protocol: TCP}
  {{- include "once.probes" . | nindent 2 }}
  {{- end }}
  # Once goes by the limit. Were the request less, the node might run short although the pod keeps to it.
  resources:
    requests:
      cpu: {{ .Values.resources.cpu | quote }}
      memory: {{ .Values.resources.memory }}
    limits:
      memory: {{ .Values.resources.memory }}
      {{- with .Values.resources.cpuLimit }}
      cpu: {{ . | quote }}
      {{- end }}
  securityContext:
    {{- include "once.containerSecurityContext" . | nindent 4 }}
  volumeMounts:
    - {name: state, mountPath: /var/lib/once}
    {{- include "once.secretMounts" . | trim | nindent 4 }}
{{- end -}}

{{- define "once.podTemplate" -}}
metadata:
  # None that a new version of the chart changes: pods would be replaced for it.
  labels:
    {{- include "once.selectorLabels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "once.serviceAccountName" . }}
  automountServiceAccountToken: false
  # Or a service named kafka would set variables that look like librdkafka's properties.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ int .Values.terminationGracePeriodSeconds }}
  securityContext:
    {{- include "once.podSecurityContext" . | nindent 4 }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- include "once.placement" . | trim | nindent 2 }}
  containers:
    {{- include "once.container" . | nindent 4 }}
  {{- $secrets := include "once.secretVolumes" . | trim }}
  {{- if or $secrets (not (include "once.isStateful" .)) }}
  volumes:
    {{- if not (include "once.isStateful" .) }}
    - name: state
      emptyDir:
        sizeLimit: {{ .Values.persistence.size }}
    {{- end }}
    {{- with $secrets }}
    {{- . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end -}}
