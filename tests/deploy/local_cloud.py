"""The cloud of a template, on this machine: its roles, policies and bucket in a sandbox, and requests to it signed by hand.

What is signed here is the older kind of signature (OSS V1, RPC HMAC-SHA1): thirty lines without a library, and another way in than ours.
"""
import base64
import datetime
import email.utils
import hashlib
import hmac
import json
import os
import pathlib
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build/release/bin"))
ACCOUNT = "1000000000000001"
REGION = "cn-hangzhou"


def world_of(resources, instance_role=""):
    """The sandbox's config with the roles and buckets of a resolved template."""
    roles, buckets = [], []
    for resource in resources.values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "ALIYUN::RAM::Role":
            statements = [statement for policy in properties["Policies"] for statement in policy["PolicyDocument"]["Statement"]]
            roles.append({
                "name": properties["RoleName"],
                "max_session_duration": f"{properties.get('MaxSessionDuration', 3600)}s",
                "trust_policy_json": json.dumps(properties["AssumeRolePolicyDocument"]),
                "policy_json": json.dumps({"Version": "1", "Statement": statements}),
            })
        elif resource["Type"] == "ALIYUN::OSS::Bucket":
            rules = [{"allowed_origins": rule["AllowedOrigin"], "allowed_methods": rule["AllowedMethod"],
                      "allowed_headers": rule["AllowedHeader"], "expose_headers": rule["ExposeHeader"], "max_age": f"{rule['MaxAgeSeconds']}s"}
                     for rule in properties["CORSConfiguration"]["CORSRule"]]
            buckets.append({"name": properties["BucketName"], "region": REGION, "cors": rules})
    # A bucket of somebody else in the same account.
    buckets.append({"name": "other-bucket", "region": REGION})
    world = {"account": ACCOUNT, "roles": roles, "buckets": buckets}
    if instance_role:
        world["instance_role"] = instance_role
    return world


def answer_of(request, context=None):
    """Status and body, whatever the status; never through a proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


class Process:
    """A program of ours, up once it has written its ports."""

    def __init__(self, folder, name, arguments, environment=None):
        self.log = folder / f"{name}.log"
        ports = folder / f"{name}.ports"
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen([BIN / name, *arguments, "--ports-file", ports], stdout=log, stderr=log,
                                             env={"PATH": os.environ["PATH"], **(environment or {})})
        end = time.monotonic() + 30
        while not ports.exists() or not ports.read_text():
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise AssertionError(f"{name} did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.02)
        self.ports = json.loads(ports.read_text())

    @property
    def pid(self):
        return self._process.pid

    def stop(self):
        self._process.terminate()
        self._process.wait(timeout=30)


def start_sandbox(folder, world):
    """A sandbox with that world."""
    (folder / "world.yaml").write_text(yaml.safe_dump(world), encoding="utf-8")
    free = [flag for name in ("oss", "sts", "metadata", "identity", "admin") for flag in (f"--{name}-port", "0")]
    return Process(folder, "sluice-sandbox", ["--config", folder / "world.yaml", *free])


class LocalCloud:
    """A running sandbox, by its ports."""

    def __init__(self, ports):
        self.ports = ports

    def address(self, name):
        return f"http://127.0.0.1:{self.ports[name]}"

    def jwt(self, subject, audience="sluice"):
        query = urllib.parse.urlencode({"subject": subject, "audience": audience})
        status, body = answer_of(f"{self.address('identity')}/token?{query}")
        assert status == 200, body
        return body.decode().strip()

    def here(self, config):
        """A production config of broker or gateway with this cloud in the place of Alibaba's, and free ports on loopback. Who may do what
        stays as it is, and so do keys and certificates."""
        out = json.loads(json.dumps(config))
        out["development"] = True
        for name, listener in out["listen"].items():
            if isinstance(listener, dict):
                listener["address"] = "127.0.0.1:0"
            else:
                out["listen"][name] = "127.0.0.1:0"
        for provider in out["identity"]["providers"]:
            provider["jwt"].update(issuer=self.address("identity"), jwks_url=self.address("identity") + "/jwks.json")
        if "sts" in out:
            out["sts"]["endpoints"] = [self.address("sts")]
            out["credentials"] = {**out.get("credentials", {}), "metadata_endpoint": self.address("metadata")}
        for grant in out.get("grants", []):
            grant["endpoint"] = self.address("oss")
        return out

    def instance_key(self, role):
        """What the instance's metadata gives to a program on it."""
        status, body = answer_of(f"{self.address('metadata')}/latest/meta-data/ram/security-credentials/{role}")
        assert status == 200, body
        return json.loads(body)

    def assume(self, key, role, policy=None):
        """AssumeRole by an older signature; the credentials, or the error."""
        query = {
            "Action": "AssumeRole", "Version": "2015-04-01", "Format": "JSON", "RoleSessionName": "test",
            "RoleArn": f"acs:ram::{ACCOUNT}:role/{role}", "AccessKeyId": key["AccessKeyId"], "SecurityToken": key["SecurityToken"],
            "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0", "SignatureNonce": str(uuid.uuid4()),
            "Timestamp": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if policy:
            query["Policy"] = policy

        def escaped(text):
            return urllib.parse.quote(text, safe="-_.~")

        canonical = "&".join(f"{escaped(name)}={escaped(value)}" for name, value in sorted(query.items()))
        to_sign = f"GET&%2F&{escaped(canonical)}"
        signature = hmac.digest((key["AccessKeySecret"] + "&").encode(), to_sign.encode(), hashlib.sha1)
        query["Signature"] = base64.b64encode(signature).decode()
        _, body = answer_of(f"{self.address('sts')}/?{urllib.parse.urlencode(query)}")
        answer = json.loads(body)
        return answer.get("Credentials", answer)

    def ask(self, key, method, resource, body=None, headers=None, query=""):
        """A request to OSS about `/bucket/object` by an older signature; its status and body."""
        headers = {"x-oss-security-token": key["SecurityToken"], **(headers or {})}
        date = email.utils.formatdate(usegmt=True)
        kind = "application/octet-stream" if body is not None else ""
        signed_headers = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
        to_sign = f"{method}\n\n{kind}\n{date}\n{signed_headers}{resource}"
        signature = base64.b64encode(hmac.digest(key["AccessKeySecret"].encode(), to_sign.encode(), hashlib.sha1)).decode()
        request = urllib.request.Request(self.address("oss") + resource + query, data=body, method=method, headers={
            **headers, "Date": date, "Authorization": f"OSS {key['AccessKeyId']}:{signature}", **({"Content-Type": kind} if kind else {})})
        return answer_of(request)
