{{/* An upstream cluster: (list $ "broker" "grpc"). Every ready pod is an endpoint of its own, so that the ring can choose among them. */}}
{{- define "sluice.envoyCluster" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $port := index . 2 -}}
{{- $of := index $root.Values $name -}}
{{- $host := include "sluice.host" (list $root (printf "%s-pods" $name)) -}}
{{- $numbers := dict "broker" (dict "grpc" 50051 "http" 8080) "gateway" (dict "grpc" 50052 "http" 8081) -}}
name: {{ $name }}-{{ $port }}
cluster_type:
  name: envoy.cluster.dns
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster
    dns_refresh_rate: 5s
    respect_dns_ttl: false
connect_timeout: 2s
lb_policy: RING_HASH
common_lb_config: {healthy_panic_threshold: {value: 0}}
# A pod that cannot be reached is left alone for a while. What it answers counts for nothing: with STS away all of them say 503.
outlier_detection:
  split_external_local_origin_errors: true
  consecutive_local_origin_failure: 3
  enforcing_consecutive_5xx: 0
  enforcing_consecutive_gateway_failure: 0
  enforcing_success_rate: 0
  enforcing_local_origin_success_rate: 0
  interval: 5s
  base_ejection_time: 10s
  max_ejection_percent: 50
circuit_breakers:
  thresholds: [{max_connections: {{ $root.Values.proxy.maxConnections }}, max_pending_requests: {{ $root.Values.proxy.maxConnections }}, max_requests: {{ $root.Values.proxy.maxConnections }}}]
upstream_connection_options: {tcp_keepalive: {keepalive_time: 60, keepalive_interval: 10, keepalive_probes: 3}}
{{- if eq $port "grpc" }}
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config:
      http2_protocol_options:
        initial_stream_window_size: 1048576
        initial_connection_window_size: 8388608
        connection_keepalive: {interval: 30s, timeout: 10s}
{{- end }}
load_assignment:
  cluster_name: {{ $name }}-{{ $port }}
  endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: {{ $host }}, port_value: {{ index $numbers $name $port }}}}}}]}]
{{- if $of.tls }}
transport_socket:
  name: envoy.transport_sockets.tls
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
    sni: {{ $host }}
    common_tls_context:
      alpn_protocols: [{{ ternary "h2" "http/1.1" (eq $port "grpc") }}]
      tls_params: {tls_minimum_protocol_version: TLSv1_2}
      combined_validation_context:
        default_validation_context:
          match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: {{ $host }}}}]
        validation_context_sds_secret_config:
          name: {{ $name }}-ca
          sds_config: {resource_api_version: V3, path_config_source: {path: /etc/envoy/config/{{ $name }}-ca.yaml}}
{{- end }}
{{- end -}}

{{- define "sluice.envoyConfig" -}}
{{- $idle := printf "%ds" (int .Values.proxy.idleTimeoutSeconds) -}}
{{- $hash := dict "hash_policy" (list (dict "header" (dict "header_name" "x-sluice-route") "terminal" true) (dict "connection_properties" (dict "source_ip" true))) -}}
node: {id: proxy, cluster: {{ include "sluice.fullname" . }}}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 9901}}}
overload_manager:
  resource_monitors:
    - name: envoy.resource_monitors.global_downstream_max_connections
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig
        max_active_downstream_connections: {{ int .Values.proxy.maxConnections }}
static_resources:
  listeners:
    - name: public
      address: {socket_address: {address: {{ .Values.listenHost | trimPrefix "[" | trimSuffix "]" | quote }}, port_value: 8443}}
      per_connection_buffer_limit_bytes: 1048576
      listener_filters:
        - name: envoy.filters.listener.tls_inspector
          typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}
      filter_chains:
        - transport_socket_connect_timeout: 10s
          transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                alpn_protocols: [h2, http/1.1]
                tls_params: {tls_minimum_protocol_version: TLSv1_2}
                tls_certificate_sds_secret_configs:
                  - name: public
                    sds_config: {resource_api_version: V3, path_config_source: {path: /etc/envoy/config/public.yaml}}
          filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: public
                codec_type: AUTO
                use_remote_address: true
                xff_num_trusted_hops: {{ int .Values.proxy.trustedHops }}
                normalize_path: true
                merge_slashes: true
                path_with_escaped_slashes_action: REJECT_REQUEST
                # A whole upload is one request: no limit on it, only on silence. The services have their own, shorter ones.
                request_timeout: 0s
                stream_idle_timeout: {{ $idle }}
                request_headers_timeout: 10s
                common_http_protocol_options: {idle_timeout: {{ $idle }}, headers_with_underscores_action: REJECT_REQUEST}
                http2_protocol_options:
                  max_concurrent_streams: 100
                  initial_stream_window_size: 1048576
                  initial_connection_window_size: 8388608
                  connection_keepalive: {interval: 30s, timeout: 10s}
                drain_timeout: 5s
                # No path: tickets and upload ids stand in addresses.
                access_log:
                  - name: envoy.access_loggers.stdout
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
                      log_format:
                        json_format: {time: "%START_TIME%", route: "%ROUTE_NAME%", method: "%REQ(:METHOD)%", status: "%RESPONSE_CODE%", grpc_status: "%GRPC_STATUS%", flags: "%RESPONSE_FLAGS%", received: "%BYTES_RECEIVED%", sent: "%BYTES_SENT%", ms: "%DURATION%", upstream: "%UPSTREAM_HOST%", request_id: "%REQ(X-REQUEST-ID)%"}
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
                route_config:
                  name: public
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        - name: token-broker
                          match: {prefix: /sluice.token.v1.TokenBroker/}
                          route: {{- merge (dict "cluster" "broker-grpc" "timeout" "60s" "retry_policy" (dict "retry_on" "connect-failure,refused-stream" "num_retries" 2)) $hash | toYaml | nindent 28 }}
                        {{- if .Values.gateway.enabled }}
                        - name: upload-gateway
                          match: {prefix: /sluice.upload.v1.UploadGateway/}
                          route: {{- merge (dict "cluster" "gateway-grpc" "timeout" "0s" "idle_timeout" $idle "retry_policy" (dict "retry_on" "connect-failure,refused-stream" "num_retries" 2)) $hash | toYaml | nindent 28 }}
                        - name: tus
                          match: {path_separated_prefix: /files}
                          route: {{- merge (dict "cluster" "gateway-http" "timeout" "0s" "idle_timeout" $idle) $hash | toYaml | nindent 28 }}
                        {{- end }}
                        - name: broker-http
                          match: {prefix: /}
                          route: {{- merge (dict "cluster" "broker-http" "timeout" "60s") $hash | toYaml | nindent 28 }}
    # Readiness and metrics, and nothing else of the admin interface, for the cluster.
    - name: admin
      address: {socket_address: {address: {{ .Values.listenHost | trimPrefix "[" | trimSuffix "]" | quote }}, port_value: 9902}}
      ignore_global_conn_limit: true
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: admin
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
                route_config:
                  virtual_hosts:
                    - name: admin
                      domains: ["*"]
                      routes:
                        - {match: {path: /ready, headers: [{name: ":method", string_match: {exact: GET}}]}, route: {cluster: admin}}
                        - {match: {path: /stats/prometheus, headers: [{name: ":method", string_match: {exact: GET}}]}, route: {cluster: admin}}
  clusters:
    - {{- include "sluice.envoyCluster" (list . "broker" "grpc") | nindent 6 }}
    - {{- include "sluice.envoyCluster" (list . "broker" "http") | nindent 6 }}
    {{- if .Values.gateway.enabled }}
    - {{- include "sluice.envoyCluster" (list . "gateway" "grpc") | nindent 6 }}
    - {{- include "sluice.envoyCluster" (list . "gateway" "http") | nindent 6 }}
    {{- end }}
    - name: admin
      type: STATIC
      connect_timeout: 1s
      load_assignment:
        cluster_name: admin
        endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 9901}}}}]}]
{{- end -}}
