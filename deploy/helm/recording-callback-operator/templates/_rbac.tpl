{{/*
The operator's rights, each of which its work needs. Nothing here may grant a right to write or list Secrets. Nothing here renders an object.
*/}}

{{/* What it may do with namespaces' objects. */}}
{{- define "operator.rules" -}}
# patch: finalizers and the record that precedes a create are metadata.
- apiGroups: [live.huaweicloud.com]
  resources: [recordingcallbacks]
  verbs: [get, list, watch, patch]
- apiGroups: [live.huaweicloud.com]
  resources: [recordingcallbacks/status]
  verbs: [patch]
{{- if .Values.rbac.secrets }}
- apiGroups: [""]
  resources: [secrets]
  {{- with .Values.rbac.secretNames }}
  resourceNames:
    {{- uniq . | toYaml | nindent 4 }}
  {{- end }}
  verbs: [get]
{{- end }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
# Whether a namespace that is to be served is there: the objects of one that is not can be listed all the same, as none.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
{{- end -}}

{{/* Kind and name of a role, and whom it is bound to: the end of a binding. Takes a dict of root, kind and name. */}}
{{- define "operator.binding" -}}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name | toYaml }}
subjects:
  - kind: ServiceAccount
    name: {{ include "operator.serviceAccountName" .root | toYaml }}
    namespace: {{ include "operator.namespace" .root | toYaml }}
{{- end -}}
