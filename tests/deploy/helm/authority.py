"""What cert-manager does with the Certificates that the chart renders, by openssl."""
import pathlib
import subprocess
import tempfile

from chart import of_kind


def _openssl(*args, **more):
    return subprocess.run(["openssl", *args], check=True, capture_output=True, timeout=30, **more).stdout


class Authority:
    def __init__(self, name):
        self._folder = tempfile.TemporaryDirectory()
        self._key, self.certificate = (pathlib.Path(self._folder.name) / file for file in ("ca.key", "ca.crt"))
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                 "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", str(self._key), "-out", str(self.certificate))

    def end(self):
        self._folder.cleanup()

    def issue(self, spec):
        """The Secret of a Certificate, new at each call."""
        names = [f"DNS:{name}" for name in spec.get("dnsNames", [])] + [f"URI:{uri}" for uri in spec.get("uris", [])]
        usages = [{"server auth": "serverAuth", "client auth": "clientAuth"}[usage] for usage in spec["usages"] if usage.endswith(" auth")]
        with tempfile.TemporaryDirectory() as folder:
            key, request, extensions = (f"{folder}/{name}" for name in ("key", "request", "extensions"))
            pathlib.Path(extensions).write_text(f"subjectAltName=critical,{','.join(names)}\nextendedKeyUsage={','.join(usages)}\n")
            _openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/", "-keyout", key, "-out", request)
            certificate = _openssl("x509", "-req", "-in", request, "-CA", str(self.certificate), "-CAkey", str(self._key), "-CAcreateserial",
                                   "-days", "30", "-extfile", extensions)
            return {"tls.crt": certificate, "tls.key": pathlib.Path(key).read_bytes(), "ca.crt": self.certificate.read_bytes()}


def issue_all(rendered, private, public):
    """The Secrets of all Certificates, by name: those of the release's own issuer from one authority, the others from the other."""
    own = {one["metadata"]["name"] for one in of_kind(rendered, "Issuer")}
    return {one["spec"]["secretName"]: (private if one["spec"]["issuerRef"]["name"] in own else public).issue(one["spec"])
            for one in of_kind(rendered, "Certificate") if not one["spec"].get("isCA")}


def ticket_key():
    return _openssl("genpkey", "-algorithm", "ed25519")


def upload_key():
    return _openssl("rand", "-base64", "32")
