{{/*
The operator's pod, which the Deployment and the test of the release have in common: what it may do, where it runs, and its
one container. Nothing here renders an object.
*/}}

{{/* Whether a CA bundle of the user's is mounted; empty when not. */}}
{{- define "operator.caMounted" -}}
{{- with .Values.caBundle }}{{ or .configMap .secret }}{{ end -}}
{{- end -}}

{{/* All of the pod's spec but its containers and its spread. */}}
{{- define "operator.podSettings" -}}
serviceAccountName: {{ include "operator.serviceAccountName" . }}
automountServiceAccountToken: true
enableServiceLinks: false
# The operator exits within 10 s of SIGTERM: calls under way get 7 s and are recorded, then the Lease is released.
terminationGracePeriodSeconds: 20
securityContext:
  runAsNonRoot: true
  {{- with .Values.securityContext.runAsUser }}
  runAsUser: {{ int64 . }}
  {{- end }}
  {{- with .Values.securityContext.runAsGroup }}
  runAsGroup: {{ int64 . }}
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if or (include "operator.caMounted" .) .Values.extraVolumes }}
volumes:
  {{- if include "operator.caMounted" . }}
  - name: ca-bundle
    {{- if .Values.caBundle.configMap }}
    configMap:
      name: {{ .Values.caBundle.configMap }}
    {{- else }}
    secret:
      secretName: {{ .Values.caBundle.secret }}
    {{- end }}
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
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
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* The container, as a map without the list's dash. */}}
{{- define "operator.container" -}}
name: operator
image: {{ include "operator.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - run
  - --lease-name={{ include "operator.fullname" . }}
  - --lease-namespace={{ .Release.Namespace }}
  - --requests-per-minute={{ int .Values.requestsPerMinute }}
  - --resync-interval={{ .Values.resyncInterval }}
  - --log-format={{ .Values.logFormat }}
  - --log-level={{ .Values.logLevel }}
  {{- with .Values.watchNamespaces }}
  - --namespaces={{ join "," . }}
  {{- end }}
  {{- with .Values.labelSelector }}
  - {{ printf "--label-selector=%s" . | quote }}
  {{- end }}
  {{- with .Values.allowedEndpoints }}
  - {{ printf "--allowed-endpoints=%s" (join "," .) | quote }}
  {{- end }}
  {{- with .Values.ambientCredentialsNamespaces }}
  - {{ printf "--ambient-credentials-namespaces=%s" (join "," .) | quote }}
  {{- end }}
  {{- if .Values.readOnly }}
  - --read-only=true
  {{- end }}
  {{- range .Values.extraArgs }}
  - {{ . | quote }}
  {{- end }}
env:
  # Freed memory goes back to the node soon, so that the pod's memory is what it uses.
  - name: _RJEM_MALLOC_CONF
    value: background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:1000
  {{- with .Values.proxy.https }}
  - name: HTTPS_PROXY
    value: {{ . | quote }}
  {{- end }}
  {{- with .Values.proxy.noProxy }}
  - name: NO_PROXY
    value: {{ . | quote }}
  {{- end }}
  {{- if include "operator.caMounted" . }}
  - name: SSL_CERT_FILE
    value: /etc/recording-callback-operator/ca/{{ .Values.caBundle.key }}
  {{- end }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - name: metrics
    containerPort: 8080
livenessProbe:
  httpGet:
    path: /livez
    port: metrics
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet:
    path: /readyz
    port: metrics
  periodSeconds: 5
  timeoutSeconds: 5
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- if or (include "operator.caMounted" .) .Values.extraVolumeMounts }}
volumeMounts:
  {{- if include "operator.caMounted" . }}
  - name: ca-bundle
    mountPath: /etc/recording-callback-operator/ca
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}
