{{/* This replica's share of the account's AssumeRole calls: the most replicas, and the one more of a rollout, together stay below it. */}}
{{- define "sluice.stsShare" -}}
{{- $pods := add (include "sluice.mostReplicas" .Values.broker | int) 1 -}}
{{- $share := div (int .Values.broker.sts.accountCallsPerSecond) $pods -}}
{{- if lt $share 1 -}}
{{- fail (printf "broker.sts.accountCallsPerSecond: %d calls a second leave nothing for each of %d pods (the most replicas, and one more in a rollout); allow fewer replicas" (int .Values.broker.sts.accountCallsPerSecond) $pods) -}}
{{- end -}}
{{- $share -}}
{{- end -}}

{{- define "sluice.broker.config" -}}
{{- $files := dict "cert_file" "/etc/sluice/tls/tls.crt" "key_file" "/etc/sluice/tls/tls.key" -}}
{{- $host := .Values.listenHost -}}
{{- $grpc := dict "address" (printf "%s:50051" $host) -}}
{{- $http := dict "address" (printf "%s:8080" $host) -}}
{{- if .Values.broker.tls -}}
{{- $_ := set $grpc "tls" $files -}}
{{- $_ := set $http "tls" $files -}}
{{- end -}}
{{- $listen := dict "grpc" $grpc "http" $http "admin" (dict "address" (printf "%s:9090" $host)) -}}
{{- $own := dict "listen" $listen "drain" (dict "wait" (printf "%ds" (int .Values.broker.drain.waitSeconds)) "grace" (printf "%ds" (int .Values.broker.drain.graceSeconds))) -}}
{{- $_ := set $own "sts" (dict "calls_per_second" (include "sluice.stsShare" . | int)) -}}
{{- if .Values.development -}}
{{- $_ := set $own "development" true -}}
{{- end -}}
{{- if .Values.gateway.enabled -}}
{{- $_ := set $listen "gateways" (dict "address" (printf "%s:50053" $host) "tls" (merge (dict "client_ca_file" "/etc/sluice/tls/ca.crt") $files)) -}}
{{- $_ := set $own "gateways" (dict "names" (list .Values.gateway.identity)) -}}
{{- with .Values.gateway.publicAddress -}}
{{- $_ := set $own "gateway_address" . -}}
{{- end -}}
{{- end -}}
{{- if .Values.broker.ticketKeys.ephemeral -}}
{{- if gt (include "sluice.mostReplicas" .Values.broker | int) 1 -}}
{{- fail "broker.ticketKeys.ephemeral: each replica would have a key of its own; one replica only, or name a Secret" -}}
{{- end -}}
{{- $_ := set $own "keys" (dict "ephemeral_keys" true) -}}
{{- else -}}
{{- $keys := list -}}
{{- range .Values.broker.ticketKeys.ids -}}
{{- $keys = append $keys (dict "id" . "key" (printf "file:/etc/sluice/ticket-keys/%s.pem" .)) -}}
{{- end -}}
{{- $_ := set $own "keys" (dict "ticket" $keys) -}}
{{- end -}}
{{- if .Values.broker.rrsa.enabled -}}
{{- $_ := set $own "credentials" (dict "chain" (list "oidc")) -}}
{{- else if .Values.broker.credentials.secretName -}}
{{- $_ := set $own "credentials" (dict "chain" (list "env")) -}}
{{- end -}}
{{- if .Values.broker.denyList.enabled -}}
{{- $_ := set $own "deny" (dict "file" "/etc/sluice/deny/deny.yaml") -}}
{{- end -}}
{{- mergeOverwrite (deepCopy .Values.broker.config) $own | toYaml -}}
{{- end -}}
