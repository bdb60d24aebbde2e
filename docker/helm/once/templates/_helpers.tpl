{{- define "once.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "once.applicationId" -}}
{{- .Values.applicationId | default .Release.Name -}}
{{- end -}}

{{- /* Pods are told from the test's pod, which serves nobody. */ -}}
{{- define "once.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: pod
{{- end -}}

{{- define "once.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "once.labels" -}}
{{ include "once.selectorLabels" . }}
{{ include "once.commonLabels" . }}
{{- end -}}

{{- define "once.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "once.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "once.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "once.isStateful" -}}
{{- if eq .Values.workload "StatefulSet" }}yes{{ end -}}
{{- end -}}

{{- /* Numbers come as floats: 1000000 must not become 1e+06. */ -}}
{{- define "once.scalar" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}
{{- int64 . -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end -}}

{{- define "once.strimziNamespace" -}}
{{- .Values.strimzi.namespace | default .Release.Namespace -}}
{{- end -}}

{{- define "once.strimziUser" -}}
{{- .Values.strimzi.user.name | default (include "once.fullname" .) -}}
{{- end -}}

{{- define "once.isSasl" -}}
{{- if has .Values.kafka.authentication.type (list "scram-sha-512" "scram-sha-256" "plain") }}yes{{ end -}}
{{- end -}}

{{- define "once.userSecret" -}}
{{- $type := .Values.kafka.authentication.type -}}
{{- if ne $type "none" -}}
{{- if .Values.kafka.authentication.userSecret -}}
{{- .Values.kafka.authentication.userSecret -}}
{{- else if not .Values.strimzi.user.create -}}
{{- fail (printf "kafka.authentication.type is %s: name kafka.authentication.userSecret, or set strimzi.user.create" $type) -}}
{{- else if ne (include "once.strimziNamespace" .) .Release.Namespace -}}
{{- fail "strimzi.namespace is not the release's, and a pod reads secrets of its own namespace only: copy the user's secret, and name the copy as kafka.authentication.userSecret" -}}
{{- else -}}
{{- include "once.strimziUser" . -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "once.username" -}}
{{- if .Values.kafka.authentication.username -}}
{{- .Values.kafka.authentication.username -}}
{{- else if .Values.strimzi.user.create -}}
{{- include "once.strimziUser" . -}}
{{- else -}}
{{- fail "kafka.authentication.username is empty: with SASL a user has a name" -}}
{{- end -}}
{{- end -}}

{{- /* Empty: the public authorities. */ -}}
{{- define "once.caSecret" -}}
{{- if .Values.kafka.tls.enabled -}}
{{- if .Values.kafka.tls.caSecret -}}
{{- .Values.kafka.tls.caSecret -}}
{{- else if .Values.strimzi.cluster -}}
{{- printf "%s-cluster-ca-cert" .Values.strimzi.cluster -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "once.securityProtocol" -}}
{{- if include "once.isSasl" . -}}
{{- ternary "SASL_SSL" "SASL_PLAINTEXT" .Values.kafka.tls.enabled -}}
{{- else -}}
{{- ternary "SSL" "PLAINTEXT" .Values.kafka.tls.enabled -}}
{{- end -}}
{{- end -}}

{{- /* Of the largest source; where that of one is not known, more than any. */ -}}
{{- define "once.mostPartitions" -}}
{{- $most := 0 -}}
{{- range .Values.topics.sources -}}
{{- $most = max $most (int (.partitions | default 1000000)) -}}
{{- end -}}
{{- $most -}}
{{- end -}}

{{- /* What the schema cannot say, since it compares values. */ -}}
{{- define "once.check" -}}
{{- if lt (int .Values.terminationGracePeriodSeconds) (add 15 (int .Values.transactionTimeoutSeconds) | int) -}}
{{- fail "terminationGracePeriodSeconds must be at least 15 more than transactionTimeoutSeconds: a pod that no broker answers gives up after that time, and then ends in order" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas" -}}
{{- end -}}
{{- if .Values.topics.sources -}}
{{- $most := include "once.mostPartitions" . | int -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.maxReplicas) $most) -}}
{{- fail (printf "autoscaling.maxReplicas is more than the %d partitions of the largest source: the others would stand by" $most) -}}
{{- end -}}
{{- if and (eq .Values.workload "Deployment") .Values.http.enabled .Values.http.readiness.enabled -}}
{{- $pods := int (ternary .Values.autoscaling.maxReplicas .Values.replicas .Values.autoscaling.enabled) -}}
{{- $surge := .Values.update.maxSurge -}}
{{- if kindIs "string" $surge -}}
{{- $surge = div (add 99 (mul $pods (trimSuffix "%" $surge | int))) 100 -}}
{{- end -}}
{{- if gt (add $pods (int $surge) | int) $most -}}
{{- fail (printf "%d pods and the %d of update.maxSurge are more than the %d partitions of the largest source: during a rollout one that has no partition is never ready, and holds it up; lower update.maxSurge, or set http.readiness.enabled: false" $pods (int $surge) $most) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
