{{- define "sluice.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What pods are found by, never changing: (list $ "broker"). */}}
{{- define "sluice.selector" -}}
app.kubernetes.io/name: {{ default "sluice" (first .).Values.nameOverride }}
app.kubernetes.io/instance: {{ (first .).Release.Name }}
app.kubernetes.io/component: {{ last . }}
{{- end -}}

{{- define "sluice.labels" -}}
{{ include "sluice.selector" . }}
app.kubernetes.io/part-of: sluice
app.kubernetes.io/version: {{ (first .).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (first .).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (first .).Chart.Name (first .).Chart.Version }}
{{- with (first .).Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Of a .Values.X.image: (list $ .Values.broker.image). */}}
{{- define "sluice.image" -}}
{{- $image := last . -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default (first .).Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The most replicas that a component is meant to have. */}}
{{- define "sluice.mostReplicas" -}}
{{- if .autoscaling.enabled -}}{{ int .autoscaling.maxReplicas }}{{- else -}}{{ int .replicas }}{{- end -}}
{{- end -}}

{{/* Name of a Service inside the cluster: (list $ "broker"). */}}
{{- define "sluice.host" -}}
{{- $root := first . -}}
{{- printf "%s-%s.%s.svc.%s" (include "sluice.fullname" $root) (last .) $root.Release.Namespace $root.Values.clusterDomain -}}
{{- end -}}

{{- define "sluice.serviceAccount" -}}
{{- $root := first . -}}{{- $name := last . -}}
{{- $account := (index $root.Values $name).serviceAccount -}}
{{- if $account.create -}}{{- default (printf "%s-%s" (include "sluice.fullname" $root) $name) $account.name -}}
{{- else -}}{{- default "default" $account.name -}}{{- end -}}
{{- end -}}

{{/* Secret with TLS files of `broker`, `gateway` or `gatewayClient`: (list $ "broker"). */}}
{{- define "sluice.tlsSecret" -}}
{{- $root := first . -}}{{- $of := last . -}}
{{- $given := index $root.Values.certificates (printf "%sSecretName" $of) -}}
{{- if $given -}}{{- $given -}}
{{- else if or $root.Values.certificates.certManager.enabled $root.Values.certificates.generated -}}
{{- printf "%s-%s-tls" (include "sluice.fullname" $root) (kebabcase $of) -}}
{{- else -}}
{{- fail (printf "certificates.%sSecretName: name a Secret with tls.crt, tls.key and ca.crt, or enable certificates.certManager" $of) -}}
{{- end -}}
{{- end -}}

{{- define "sluice.proxySecret" -}}
{{- if .Values.proxy.tls.secretName -}}{{- .Values.proxy.tls.secretName -}}
{{- else if .Values.proxy.tls.issuerRef -}}{{- printf "%s-proxy-tls" (include "sluice.fullname" .) -}}
{{- else -}}{{- fail "proxy.tls: name a Secret with the public certificate, or an issuer of cert-manager and dnsNames" -}}{{- end -}}
{{- end -}}

{{- define "sluice.denyConfigMap" -}}
{{- default (printf "%s-deny" (include "sluice.fullname" .)) .Values.broker.denyList.configMapName -}}
{{- end -}}

{{/* Seconds until Kubernetes kills: both phases of the drain, and ten for what comes after. */}}
{{- define "sluice.gracePeriod" -}}
{{- add (int .waitSeconds) (int .graceSeconds) 10 -}}
{{- end -}}

{{- define "sluice.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "sluice.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Where pods go: (list $ "broker" .Values.broker). */}}
{{- define "sluice.placement" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $of := index . 2 -}}
{{- with $of.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $of.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $of.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $of.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: {matchLabels: {{ include "sluice.selector" (list $root $name) | fromYaml | toJson }}}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end -}}

{{- define "sluice.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: admin}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: admin}
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: admin}
  periodSeconds: 5
  timeoutSeconds: 2
  failureThreshold: 1
{{- end -}}

{{/* Replicas stay the autoscaler's where there is one. */}}
{{- define "sluice.replicas" -}}
{{- if not .autoscaling.enabled }}
replicas: {{ .replicas }}
{{- end }}
strategy:
  type: RollingUpdate
  rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
{{- end -}}

{{/* A HorizontalPodAutoscaler: (list $ "broker" .Values.broker). */}}
{{- define "sluice.autoscaler" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $of := index . 2 -}}
{{- if $of.autoscaling.enabled }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "sluice.fullname" $root }}-{{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "sluice.labels" (list $root $name) | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ include "sluice.fullname" $root }}-{{ $name }}}
  minReplicas: {{ $of.autoscaling.minReplicas }}
  maxReplicas: {{ $of.autoscaling.maxReplicas }}
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: {{ $of.autoscaling.targetCPUUtilizationPercentage }}}}
    {{- with $of.autoscaling.metrics }}{{ toYaml . | nindent 4 }}{{- end }}
  behavior:
    # A replica that leaves sends its streams elsewhere: one a minute, and not for every dip.
    scaleDown:
      stabilizationWindowSeconds: 300
      policies: [{type: Pods, value: 1, periodSeconds: 60}]
{{- end }}
{{- end -}}

{{- define "sluice.disruptionBudget" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}
{{- if $root.Values.podDisruptionBudget.enabled }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "sluice.fullname" $root }}-{{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "sluice.labels" (list $root $name) | nindent 4 }}
spec:
  maxUnavailable: {{ $root.Values.podDisruptionBudget.maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector: {matchLabels: {{ include "sluice.selector" (list $root $name) | fromYaml | toJson }}}
{{- end }}
{{- end -}}

{{- define "sluice.account" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $annotations := index . 2 -}}
{{- $account := (index $root.Values $name).serviceAccount -}}
{{- if $account.create }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "sluice.serviceAccount" (list $root $name) }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- include "sluice.labels" (list $root $name) | nindent 4 }}
  {{- with merge (dict) $annotations $account.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
{{- end -}}

{{/* The rest of a Service's spec that values set. */}}
{{- define "sluice.serviceKind" -}}
type: {{ .type }}
{{- with .loadBalancerClass }}
loadBalancerClass: {{ . }}
{{- end }}
{{- if and .externalTrafficPolicy (ne .type "ClusterIP") }}
externalTrafficPolicy: {{ .externalTrafficPolicy }}
{{- end }}
{{- end -}}

{{/* Egress that broker and gateway share. */}}
{{- define "sluice.egress" -}}
- to: {{- toYaml .Values.networkPolicy.dns | nindent 4 }}
  ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
- to:
    {{- range .Values.networkPolicy.egressCIDRs }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  ports: [{protocol: TCP, port: 443}]
{{- if .Values.sandbox.enabled }}
- to: [{podSelector: {matchLabels: {{ include "sluice.selector" (list . "sandbox") | fromYaml | toJson }}}}]
  ports: [{protocol: TCP, port: 9000}, {protocol: TCP, port: 9001}, {protocol: TCP, port: 9003}]
{{- end }}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Callers of a public port. */}}
{{- define "sluice.callers" -}}
- podSelector: {matchLabels: {{ include "sluice.selector" (list . "proxy") | fromYaml | toJson }}}
{{- with .Values.networkPolicy.clients }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Who may scrape: (list $ 9090). */}}
{{- define "sluice.monitoring" -}}
{{- $port := last . -}}
{{- with (first .).Values.networkPolicy.monitoring }}
- from: {{- toYaml . | nindent 4 }}
  ports: [{protocol: TCP, port: {{ $port }}}]
{{- end }}
{{- end -}}

{{/* A CPU quantity in whole CPUs, at least 1. */}}
{{- define "sluice.wholeCpus" -}}
{{- $text := toString . -}}
{{- if hasSuffix "m" $text -}}{{- max 1 (div (trimSuffix "m" $text | int) 1000) -}}{{- else -}}{{- max 1 (floor $text | int) -}}{{- end -}}
{{- end -}}
