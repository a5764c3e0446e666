{{/* The name of everything of a release: at most 50 bytes, as Kubernetes appends to the names of pods and volumes. */}}
{{- define "streamgauge.name" -}}
{{- if contains "streamgauge" .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-streamgauge" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels by which pods are found; they may never change. */}}
{{- define "streamgauge.selector" -}}
app.kubernetes.io/name: streamgauge
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "streamgauge.labels" -}}
{{ include "streamgauge.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "streamgauge.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "streamgauge.name" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "streamgauge.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The ConfigMap with query files, if there is one. */}}
{{- define "streamgauge.queries" -}}
{{- if .Values.queriesConfigMap -}}
{{- .Values.queriesConfigMap -}}
{{- else if .Values.queries -}}
{{- printf "%s-queries" (include "streamgauge.name" .) -}}
{{- end -}}
{{- end -}}

{{- define "streamgauge.isInsecure" -}}
{{- if not (and .Values.server.tokensSecret .Values.server.tlsSecret) -}}true{{- end -}}
{{- end -}}
