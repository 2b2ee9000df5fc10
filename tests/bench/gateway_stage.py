"""The programs of the upload gateway's benchmark: sinks, the floor, nginx, the gateway and its broker, and the load."""
import http.client
import json
import os
import shutil
import ssl
import subprocess

from stage import BENCH, BIN, OWN_KEY, ROOT, Stage, die_with_parent, free_low_port

GATEWAY = BIN / "sluice-gateway"
GATEWAY_NAME = "spiffe://sluice/gateway"
BROKER_CONFIG = """\
development: true
listen:
  grpc: {{address: "127.0.0.1:0", tls: {{cert_file: {run}/server.pem, key_file: {run}/server.key, client_ca_file: {run}/ca.pem}}}}
  http: 127.0.0.1:0
  admin: 127.0.0.1:0
gateways: {{names: ["{name}"], audience: [sluice-gateway]}}
identity:
  providers:
    - name: app
      jwt: {{issuer: "{identity}", audience: [sluice], jwks_url: "{identity}/jwks.json"}}
keys: {{ephemeral_keys: true}}
sts: {{region: cn-hangzhou, endpoints: ["http://127.0.0.1:{sts}"]}}
load: {{subject_calls_per_second: 10000000}}
audit: {{file: {run}/broker-audit.jsonl}}
grants:
"""
GRANT = """\
  - name: {name}
    who: [{{provider: app}}]
    role_arn: acs:ram::1000000000000001:role/sluice-uploader
    bucket: sluice-demo
    region: cn-hangzhou
    endpoint: "{endpoint}"
    prefix: uploads/{{subject}}/
    operations: [UPLOAD, RESUME]
    ttl: {{default: 1h, max: 1h}}
"""
GATEWAY_CONFIG = """\
development: true
listen: {{grpc: {grpc}, http: "127.0.0.1:0", admin: "127.0.0.1:0"}}
identity: {{providers: [{{name: app, jwt: {{issuer: "{identity}", audience: [sluice-gateway], jwks_url: "{identity}/jwks.json"}}}}]}}
broker:
  address: "127.0.0.1:{gateways}"
  ca_file: {run}/ca.pem
  cert_file: {run}/gateway.pem
  key_file: {run}/gateway.key
oss: {{ca_file: {run}/ca.pem}}
keys: {{ephemeral_keys: true}}
audit: {{file: {run}/{name}-audit.jsonl}}
"""
# One worker; bodies go through as they come, over connections that stay.
NGINX_CONFIG = """\
daemon off;
master_process off;
pid {run}/{name}.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_max_body_size 0;
  client_body_buffer_size {buffer};
  client_body_temp_path {run}/{name}.tmp; proxy_temp_path {run}/{name}.tmp; fastcgi_temp_path {run}/{name}.tmp;
  scgi_temp_path {run}/{name}.tmp; uwsgi_temp_path {run}/{name}.tmp;
  keepalive_requests 1000000;
  upstream sink {{ server 127.0.0.1:{sink}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port}{listen_tls};
    {tls}
    location / {{
      proxy_pass {scheme}://sink;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering off;
    }}
  }}
}}
"""
# As much as a message of the load; of 16k (nginx's default, half as dear again) to 2m the cheapest.
NGINX_BUFFER = "1m"


def nginx_program():
    """Where nginx is: the one on PATH, else the one that `./dev bench gateway` has unpacked; None without either."""
    unpacked = ROOT / "build/outside/nginx/usr/sbin/nginx"
    return shutil.which("nginx") or (str(unpacked) if unpacked.exists() else None)


def nginx_config(run, name, port, sink, tls, buffer=NGINX_BUFFER):
    certificate = f"ssl_certificate {run}/server.pem; ssl_certificate_key {run}/server.key; ssl_protocols TLSv1.3;" if tls else ""
    return NGINX_CONFIG.format(run=run, name=name, port=port, sink=sink, buffer=buffer, listen_tls=" ssl" if tls else "", tls=certificate,
                               scheme="https" if tls else "http")


class GatewayStage(Stage):
    """A sandbox for identity and STS, and what is put between the load and the sinks."""

    def __enter__(self):
        super().__enter__()
        try:
            self.certify()
        except BaseException:
            self.__exit__()
            raise
        return self

    def certify(self):
        """An authority, the certificate of all that listens, and the gateway's own for the broker."""
        def openssl(*words):
            subprocess.run(["openssl", *[str(word) for word in words]], check=True, capture_output=True)
        new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl("req", "-x509", *new_key, "-days", 2, "-subj", "/CN=sluice-bench authority", "-keyout", self.run / "ca.key", "-out",
                self.run / "ca.pem")
        for name, subject in (("server", "IP:127.0.0.1"), ("gateway", f"URI:{GATEWAY_NAME}")):
            openssl("req", *new_key, "-subj", f"/CN=sluice-bench {name}", "-keyout", self.run / f"{name}.key", "-out", self.run / f"{name}.csr")
            extensions = self.run / f"{name}.ext"
            extensions.write_text(f"basicConstraints=critical,CA:FALSE\nsubjectAltName={subject}\n", encoding="ascii")
            openssl("x509", "-req", "-in", self.run / f"{name}.csr", "-CA", self.run / "ca.pem", "-CAkey", self.run / "ca.key", "-CAcreateserial",
                    "-days", 2, "-extfile", extensions, "-out", self.run / f"{name}.pem")

    def own_certificate(self, tls):
        return ["--cert", self.run / "server.pem", "--key", self.run / "server.key"] if tls else []

    def start_sink(self, name, tls):
        return self.start(name, [BENCH / "bench-sink", *self.own_certificate(tls)])

    def start_floor(self, name, sink, tls, threads=1):
        trust = ["--sink-ca", self.run / "ca.pem"] if tls else []
        return self.start(name, [BENCH / "bench-floor", "--threads", str(threads), "--sink", f"127.0.0.1:{sink.ports['oss']}", *self.own_certificate(tls), *trust])

    def start_nginx(self, name, sink, tls, buffer=NGINX_BUFFER):
        port, config = free_low_port(), self.run / f"{name}.conf"
        config.write_text(nginx_config(self.run, name, port, sink.ports["oss"], tls, buffer), encoding="utf-8")
        return self.start(name, [nginx_program(), "-p", self.run, "-e", "stderr", "-c", config], port=port)

    def start_gateways_broker(self, grants):
        """`grants`: name to the endpoint of its bucket."""
        config = BROKER_CONFIG.format(run=self.run, name=GATEWAY_NAME, identity=self.identity(), sts=self.sandbox.ports["sts"])
        config += "".join(GRANT.format(name=name, endpoint=endpoint) for name, endpoint in grants.items())
        (self.run / "broker.yaml").write_text(config, encoding="utf-8")
        return self.start("broker", [BIN / "sluice-broker", "--config", self.run / "broker.yaml"], OWN_KEY)

    def start_gateway(self, name, broker, tls):
        grpc = f'{{address: "127.0.0.1:0", tls: {{cert_file: {self.run}/server.pem, key_file: {self.run}/server.key}}}}' if tls else '"127.0.0.1:0"'
        config = GATEWAY_CONFIG.format(run=self.run, name=name, grpc=grpc, identity=self.identity(), gateways=broker.ports["grpc"])
        (self.run / f"{name}.yaml").write_text(config, encoding="utf-8")
        return self.start(name, [GATEWAY, "--config", self.run / f"{name}.yaml"])

    def identity(self):
        return f"http://127.0.0.1:{self.sandbox.ports['identity']}"

    def sink_stats(self, sink, tls):
        port = sink.ports["oss"]
        if tls:
            trust = ssl.create_default_context(cafile=self.run / "ca.pem")
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=trust)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", "/-/stats")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def upload(self, program, tls, watch, timeout=300, **flags):
        """Runs bench-upload-load against a program of this stage; the JSON it prints."""
        port = program.ports.get("grpc") or program.ports["http"]
        argv = [BENCH / "bench-upload-load", "--target", f"127.0.0.1:{port}"]
        argv += ["--ca", self.run / "ca.pem"] if tls else []
        for each in watch:
            argv += ["--watch", each.pid]
        for flag, value in flags.items():
            argv += ["--" + flag.replace("_", "-"), value]
        out = subprocess.run([str(word) for word in argv], check=False, capture_output=True, text=True, timeout=timeout, env=os.environ,
                             preexec_fn=die_with_parent)
        if out.returncode != 0:
            raise RuntimeError(f"bench-upload-load: {out.stderr.strip()}")
        return json.loads(out.stdout)
