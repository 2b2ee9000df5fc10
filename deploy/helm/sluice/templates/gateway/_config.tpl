{{- define "sluice.gateway.config" -}}
{{- $files := dict "cert_file" "/etc/sluice/tls/tls.crt" "key_file" "/etc/sluice/tls/tls.key" -}}
{{- $host := .Values.listenHost -}}
{{- $grpc := dict "address" (printf "%s:50052" $host) -}}
{{- $http := dict "address" (printf "%s:8081" $host) -}}
{{- if .Values.gateway.tls -}}
{{- $_ := set $grpc "tls" $files -}}
{{- $_ := set $http "tls" $files -}}
{{- end -}}
{{- $own := dict "listen" (dict "grpc" $grpc "http" $http "admin" (dict "address" (printf "%s:9091" $host))) -}}
{{- $_ := set $own "drain" (dict "wait" (printf "%ds" (int .Values.gateway.drain.waitSeconds)) "grace" (printf "%ds" (int .Values.gateway.drain.graceSeconds))) -}}
{{- $broker := dict "ca_file" "/etc/sluice/broker/ca.crt" "cert_file" "/etc/sluice/broker/tls.crt" "key_file" "/etc/sluice/broker/tls.key" -}}
{{- $_ := set $broker "address" (printf "%s:50053" (include "sluice.host" (list . "broker-pods"))) -}}
{{- $_ := set $own "broker" $broker -}}
{{- if .Values.development -}}
{{- $_ := set $own "development" true -}}
{{- end -}}
{{- if .Values.gateway.uploadKeys.ephemeral -}}
{{- if gt (include "sluice.mostReplicas" .Values.gateway | int) 1 -}}
{{- fail "gateway.uploadKeys.ephemeral: each replica would have a key of its own; one replica only, or name a Secret" -}}
{{- end -}}
{{- $_ := set $own "keys" (dict "ephemeral_keys" true) -}}
{{- else -}}
{{- $keys := list -}}
{{- range .Values.gateway.uploadKeys.ids -}}
{{- $keys = append $keys (dict "id" . "key" (printf "file:/etc/sluice/upload-keys/%s" .)) -}}
{{- end -}}
{{- $_ := set $own "keys" (dict "upload" $keys) -}}
{{- end -}}
{{- mergeOverwrite (deepCopy .Values.gateway.config) $own | toYaml -}}
{{- end -}}
