{{- define "nextframe.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The labels that select the pods of one component: (list $ "session"). No name among them:
     KubeRay gives its pods a name label of its own. */}}
{{- define "nextframe.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "nextframe.labels" -}}
{{- $root := index . 0 -}}
{{ include "nextframe.selector" . }}
app.kubernetes.io/part-of: nextframe
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{/* name and labels of an object of one component: (list $ "session") */}}
{{- define "nextframe.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "nextframe.fullname" $root }}-{{ index . 1 }}
labels:
  {{- include "nextframe.labels" . | nindent 2 }}
{{- end -}}

{{/* (list $ "edge") or (list $ "generation") */}}
{{- define "nextframe.image" -}}
{{- $root := index . 0 -}}
{{- $image := index $root.Values.image (index . 1) -}}
{{- if $image.digest }}
image: {{ $image.repository }}@{{ $image.digest }}
{{- else }}
image: {{ printf "%s:%s" $image.repository (default $root.Chart.AppVersion $image.tag) }}
{{- end }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
{{- end -}}

{{/* The pod's fields that every component shares: (list $ values-of-the-component) */}}
{{- define "nextframe.pod" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
# Off, because Kubernetes would set NEXTFRAME_SESSION_PORT=tcp://... beside our own variables.
enableServiceLinks: false
automountServiceAccountToken: {{ default false $component.needsKubernetes }}
securityContext:
  runAsNonRoot: true
  {{- if not $root.Values.openshift }}
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $component.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $component.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $component.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $component.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with $component.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* Annotations of a pod that reads the Secret: a new revision of it is a new pod. */}}
{{- define "nextframe.podAnnotations" -}}
{{- with .Values.secret.revision -}}
annotations: {nextframe/secret-revision: {{ . | quote }}}
{{- end -}}
{{- end -}}

{{- define "nextframe.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* One pod per node first, where the scheduler has the choice: (list $ "session") */}}
{{- define "nextframe.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{ include "nextframe.selector" . | nindent 8 }}
{{- end -}}

{{/* The worlds that generation serves, as JSON: {folder, replicas, name}. A single world has no
     name: its objects are called as they were before there could be several. */}}
{{- define "nextframe.worlds" -}}
{{- $generation := .Values.generation -}}
{{- $single := default "/app/model/worlds/freedoom" $generation.settings.world -}}
{{- if and $generation.worlds $generation.settings.world -}}
{{- fail "name the worlds in generation.worlds or one in generation.settings.world, not in both" -}}
{{- end -}}
{{- $worlds := list -}}
{{- range default (list (dict "folder" $single)) $generation.worlds -}}
{{- $name := base .folder | lower | replace "_" "-" | trunc 30 | trimSuffix "-" -}}
{{- $replicas := default $generation.replicas .replicas -}}
{{- $worlds = append $worlds (dict "folder" .folder "replicas" $replicas "name" $name) -}}
{{- end -}}
{{- range $worlds -}}
{{- if and (hasPrefix "/worlds/" .folder) (not (include "nextframe.hasWorlds" $)) -}}
{{- fail (printf "nothing is mounted at /worlds for %s: set generation.worldsClaim or generation.initContainers" .folder) -}}
{{- end -}}
{{- if and (hasPrefix "/data/" .folder) (not $.Values.training.enabled) -}}
{{- fail (printf "nothing is mounted at /data for %s: it is the volume of the training service (training.enabled)" .folder) -}}
{{- end -}}
{{- end -}}
{{- $names := list -}}
{{- range $worlds }}{{ $names = append $names .name }}{{ end -}}
{{- if ne (len $names) (len (uniq $names)) -}}
{{- fail "two folders in generation.worlds have the same last part, which names their engines" -}}
{{- end -}}
{{- if eq (len $worlds) 1 -}}{{- $_ := set (first $worlds) "name" "" -}}{{- end -}}
{{ toJson $worlds }}
{{- end -}}

{{- define "nextframe.secretName" -}}
{{- default (include "nextframe.fullname" .) .Values.secret.existing -}}
{{- end -}}

{{- define "nextframe.redisEnv" -}}
{{- if .Values.redis.external.enabled -}}
- name: NEXTFRAME_REDIS_URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.redis.external.secretName }}
      key: {{ .Values.redis.external.secretKey }}
{{- else -}}
- name: NEXTFRAME_REDIS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "nextframe.secretName" . }}
      key: redis-password
- name: NEXTFRAME_REDIS_URL
  value: redis://{{ include "nextframe.fullname" . }}-redis:6379/0
{{- end -}}
{{- end -}}

{{- define "nextframe.tokenEnv" -}}
- name: NEXTFRAME_TOKEN_SECRET
  valueFrom:
    secretKeyRef:
      name: {{ include "nextframe.secretName" . }}
      key: token-secret
{{- end -}}

{{/* STUN and TURN, the same for page and edge: (list $ "SESSION") */}}
{{- define "nextframe.iceEnv" -}}
{{- $root := index . 0 -}}
{{- $prefix := printf "NEXTFRAME_%s_ICE" (index . 1) -}}
{{- with $root.Values.ice.servers -}}
- name: {{ $prefix }}_SERVERS
  value: {{ join "," . | quote }}
{{- end }}
{{- with $root.Values.ice.secretName }}
{{- if $root.Values.ice.oneLogin }}
- name: {{ $prefix }}_USERNAME
  valueFrom: {secretKeyRef: {name: {{ . }}, key: username}}
- name: {{ $prefix }}_CREDENTIAL
  valueFrom: {secretKeyRef: {name: {{ . }}, key: credential}}
{{- else }}
- name: {{ $prefix }}_SECRET
  valueFrom: {secretKeyRef: {name: {{ . }}, key: shared-secret}}
{{- end }}
{{- end -}}
{{- end -}}

{{/* settings of values.yaml as variables: (list "SESSION" map); max_line: 9 -> ..._MAX_LINE="9" */}}
{{- define "nextframe.settingsEnv" -}}
{{- $service := index . 0 -}}
{{- range $name, $value := index . 1 }}
- name: NEXTFRAME_{{ $service }}_{{ upper $name }}
  {{- /* A large whole number reaches us as a float: without this 1000000 would read 1e+06. */}}
  value: {{ ternary (printf "%.0f" $value) (toString $value) (and (kindIs "float64" $value) (eq (floor $value) $value)) | quote }}
{{- end -}}
{{- end -}}

{{/* What a browser calls: the page's address and the session service's. */}}
{{- define "nextframe.playUrl" -}}
{{- if .Values.ingress.enabled -}}
{{ ternary "https" "http" (not (empty .Values.ingress.tlsSecretName)) }}://{{ .Values.ingress.playHost }}
{{- else -}}
{{ .Values.publicUrl.play }}
{{- end -}}
{{- end -}}

{{- define "nextframe.sessionUrl" -}}
{{- if .Values.ingress.enabled -}}
{{ ternary "https" "http" (not (empty .Values.ingress.tlsSecretName)) }}://{{ .Values.ingress.sessionHost }}
{{- else -}}
{{ .Values.publicUrl.session }}
{{- end -}}
{{- end -}}

{{/* Probes of a service on its port named ops; how many seconds it may take to start, and may be
     silent: (dict "start" 120 "silence" 30) */}}
{{- define "nextframe.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: ops}
  periodSeconds: 2
  failureThreshold: {{ div .start 2 }}
livenessProbe:
  httpGet: {path: /healthz, port: ops}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: {{ div .silence 5 }}
readinessProbe:
  httpGet: {path: /readyz, port: ops}
  periodSeconds: 3
  timeoutSeconds: 3
{{- end -}}

{{/* HorizontalPodAutoscaler and PodDisruptionBudget of a Deployment: (list $ "session" values) */}}
{{- define "nextframe.scaling" -}}
{{- $component := index . 2 -}}
{{- if $component.autoscaling.enabled }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{ include "nextframe.metadata" . | nindent 2 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "nextframe.fullname" (index . 0) }}-{{ index . 1 }}
  minReplicas: {{ $component.replicas }}
  maxReplicas: {{ $component.autoscaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ $component.autoscaling.targetCPU }}
  behavior:
    scaleDown:
      # Taking an edge away makes its players reconnect: do it rarely and one at a time.
      stabilizationWindowSeconds: 600
      policies:
        - {type: Pods, value: 1, periodSeconds: 120}
{{- end }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{ include "nextframe.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{ include "nextframe.selector" . | nindent 6 }}
{{- end -}}
