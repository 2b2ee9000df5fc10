"""What ingress-nginx makes of Ingresses, by the same directives, for a plain nginx: body size, timeouts, buffering, protocol and hash."""
import pathlib
import shutil
import subprocess

import chart
import pods
from chart import of_kind

UNPACKED = chart.ROOT / "build/outside/nginx/usr/sbin/nginx"
NGINX = shutil.which("nginx") or (str(UNPACKED) if UNPACKED.exists() else None)

# An annotation, and the directives that the controller's template writes for it, for HTTP and for gRPC.
_ANNOTATIONS = {
    "proxy-body-size": ("client_max_body_size {};", "client_max_body_size {};"),
    "proxy-read-timeout": ("proxy_read_timeout {}s;", "grpc_read_timeout {}s;"),
    "proxy-send-timeout": ("proxy_send_timeout {}s;", "grpc_send_timeout {}s;"),
    "proxy-request-buffering": ("proxy_request_buffering {};", ""),
    "proxy-buffering": ("proxy_buffering {};", ""),
    "proxy-http-version": ("proxy_http_version {};", ""),
}
_SETTINGS = {"client-body-timeout": "client_body_timeout {}s;", "keep-alive": "keepalive_timeout {}s;", "keep-alive-requests": "keepalive_requests {};"}


def nginx_config(objects, endpoints, port, folder):
    """`endpoints(service, port)` gives the addresses behind a Service. The certificate is folder/tls.crt."""
    settings = [_SETTINGS[name].format(value) for one in of_kind(objects, "ConfigMap") for name, value in one["data"].items() if name in _SETTINGS]
    upstreams, locations = [], []
    for one in of_kind(objects, "Ingress"):
        notes = {name.split("/")[1]: value for name, value in one["metadata"].get("annotations", {}).items()}
        protocol = notes["backend-protocol"]
        scheme = {"GRPCS": "grpc_pass grpcs", "HTTPS": "proxy_pass https"}[protocol]
        directives = [_ANNOTATIONS[name][protocol == "GRPCS"].format(value) for name, value in notes.items() if name in _ANNOTATIONS]
        for rule in one["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                name = f"up{len(upstreams)}"
                service = path["backend"]["service"]
                balance = f"hash {notes['upstream-hash-by']} consistent;" if "upstream-hash-by" in notes else ""
                upstreams.append(f"upstream {name} {{ {balance} " + " ".join(f"server {address};" for address in endpoints(service["name"], service["port"]["name"])) + " }")
                locations.append(f"location {path['path']} {{ {scheme}://{name}; {' '.join(directives)} }}")
    return "\n".join(["daemon off; worker_processes 1; error_log stderr warn;", f"pid {folder}/pid;", "events { worker_connections 512; }", "http {",
                      f"access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;",
                      *settings, *upstreams, f"server {{ listen {port} ssl http2; ssl_certificate {folder}/tls.crt; ssl_certificate_key {folder}/tls.key;", *locations, "}", "}"])


class Controller:
    """nginx as an ingress controller on the node."""

    def __init__(self, objects, endpoints, port, secret, folder):
        folder = pathlib.Path(folder)
        for name in ("tls.crt", "tls.key"):
            (folder / name).write_bytes(secret[name])
        (folder / "nginx.conf").write_text(nginx_config(objects, endpoints, port, folder))
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([NGINX, "-p", folder, "-c", folder / "nginx.conf"], stdout=log, stderr=subprocess.STDOUT)
        pods.until("nginx listens", 10, lambda: self._listens(folder))

    def _listens(self, folder):
        assert self.process.poll() is None, self.log.read_text()
        return (folder / "pid").exists()

    def end(self):
        self.process.terminate()
        self.process.wait(10)
