#!/usr/bin/env python3
"""The ROS templates: what ROS would say of them, and what their policies permit when a sandbox has them in the place of RAM."""
import json
import os
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile
import unittest
import urllib.request

import yaml

import local_cloud
import ros_schema
import ros_template
from local_cloud import ACCOUNT, BIN, ROOT, LocalCloud, Process, answer_of
from stacks import ATTRIBUTES, PARAMETERS, PSEUDO, TEMPLATES, resolved

sys.path.insert(0, str(ROOT / "deploy/ros"))
import policies

def files_of(script):
    """The files that a shell script writes by here-documents, by name."""
    return dict(re.findall(r"^cat > (\S+) << 'YAML'\n(.*?)^YAML$", script, re.MULTILINE | re.DOTALL))


def printed(config, *options, folder):
    """What the broker prints for RAM, of a config in the form of production."""
    key = folder / "ticket.pem"
    if not key.exists():
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    config = json.loads(json.dumps(config))
    config["keys"]["ticket"] = [{"id": "k1", "key": f"file:{key}"}]
    # The templates name no account; the tests' is the sandbox's, which is for development alone.
    config["development"] = True
    path = folder / "printed.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    done = subprocess.run([BIN / "sluice-broker", "--config", path, "--print-ram-policy", *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sample():
    """The production sample with the account and bucket of these tests."""
    text = (ROOT / "deploy/config/token_broker.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text.replace("1234567890123456", ACCOUNT).replace("my-bucket", "photos-of-acme"))


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def cloud_of(self, resources, instance_role=""):
        """A sandbox that has a template's roles and bucket."""
        sandbox = local_cloud.start_sandbox(self.folder, local_cloud.world_of(resources, instance_role))
        self.addCleanup(sandbox.stop)
        return LocalCloud(sandbox.ports)


class TemplateTest(unittest.TestCase):
    """Structure, by the vendor's own description of resources."""

    schema = ros_schema.Schema(["ecs", "oss", "ram", "ros"])

    def problems(self, resources):
        return [problem for name, resource in resources.items() for problem in self.schema.problems(name, resource)]

    def test_ros_knows_every_resource_property_and_value(self):
        for name in PARAMETERS:
            with self.subTest(name):
                resources = resolved(name)
                self.assertGreaterEqual(len(resources), 3)
                self.assertEqual(self.problems(resources), [])

    def test_what_ros_does_not_know_is_found(self):
        mistakes = [
            ("Bucket", lambda p: p.update(BucketNames="x"), "no property BucketNames"),
            ("Bucket", lambda p: p.pop("BucketName"), "BucketName is missing"),
            ("Bucket", lambda p: p.update(AccessControl="public"), "is none of"),
            ("Bucket", lambda p: p["LifecycleConfiguration"]["Rule"][0].update(Abort=1), "no property Abort"),
            ("Bucket", lambda p: p["LifecycleConfiguration"]["Rule"][0]["AbortMultipartUpload"].update(Days="3"), "takes"),
            ("Bucket", lambda p: p.update(CORSConfiguration=[]), "is no object"),
            ("BrokerRole", lambda p: p.update(MaxSessionDuration=900), "beyond min"),
            ("BrokerRole", lambda p: p["AssumeRolePolicyDocument"].pop("Version"), "Version is missing"),
            ("BrokerRole", lambda p: p["AssumeRolePolicyDocument"]["Statement"][0]["Principal"].update(OIDC=["x"]), "no property OIDC"),
            ("Vpc", lambda p: p.update(VpcName="https://x"), "does not match"),
            ("SecurityGroup", lambda p: p["SecurityGroupIngress"][0].update(PortRange=8080), "takes"),
        ]
        for name, change, expected in mistakes:
            with self.subTest(expected):
                resources = resolved("quick")
                change(resources[name]["Properties"])
                self.assertIn(expected, " ".join(self.problems(resources)))
        resources = resolved("quick")
        resources["Bucket"]["Type"] = "ALIYUN::OSS::Bukket"
        self.assertIn("no resource type", " ".join(self.problems(resources)))

    def test_every_reference_and_attribute_exists(self):
        for name in PARAMETERS:
            _, template = ros_template.load(TEMPLATES / f"{name}.yaml")
            resources = template["Resources"]
            known = set(template["Parameters"]) | set(resources) | set(PSEUDO)
            used = set()
            for kind, what in ros_template.references(template):
                if kind == "ref":
                    self.assertIn(what, known, name)
                    used.add(what)
                elif kind == "resource":
                    self.assertIn(what, resources, name)
                else:
                    resource, attribute = what
                    self.assertIn(attribute, self.schema.attributes(resources[resource]["Type"]), f"{name}: {what}")
            self.assertEqual(set(template["Parameters"]) - used, set(), f"{name}: parameters that nothing uses")

    def test_the_members_of_a_template_are_those_that_ros_has(self):
        for name in PARAMETERS:
            _, template = ros_template.load(TEMPLATES / f"{name}.yaml")
            self.assertEqual(template["ROSTemplateFormatVersion"], "2015-09-01")
            self.assertLessEqual(set(template) - {"ROSTemplateFormatVersion"},
                                 {"Description", "Parameters", "Conditions", "Resources", "Outputs", "Metadata", "Mappings"})
            for parameter, described in template["Parameters"].items():
                self.assertIn(described["Type"], {"String", "Number"}, parameter)
                self.assertLessEqual(set(described), {"Type", "Description", "Default", "AllowedPattern", "MinValue", "MaxValue",
                                                      "AssociationProperty", "AssociationPropertyMetadata"}, parameter)
                value = PARAMETERS[name].get(parameter, described.get("Default"))
                if "AllowedPattern" in described:
                    self.assertRegex(value, f"^({described['AllowedPattern']})$")

    def test_the_bucket_is_private_and_forgets_unfinished_uploads(self):
        for name in PARAMETERS:
            bucket = resolved(name, AbortDays=5)["Bucket"]["Properties"]
            self.assertEqual((bucket["AccessControl"], bucket["BlockPublicAccess"]), ("private", True))
            rule, = bucket["LifecycleConfiguration"]["Rule"]
            self.assertEqual((rule["Prefix"], rule["Status"], rule["AbortMultipartUpload"]), ("uploads/", "Enabled", {"Days": 5}))
            cors, = bucket["CORSConfiguration"]["CORSRule"]
            # What a browser needs to see of an answer to go on with its parts.
            self.assertLessEqual({"ETag", "x-oss-hash-crc64ecma"}, set(cors["ExposeHeader"]))

    def test_no_secret_passes_through_a_template(self):
        for name in PARAMETERS:
            text = (TEMPLATES / f"{name}.yaml").read_text(encoding="utf-8")
            self.assertNotRegex(text, r"(?i)access_?key_?secret|password|BEGIN [A-Z ]*PRIVATE")
            self.assertNotIn("ALIYUN::RAM::AccessKey", text)


class PolicyTest(InFolder):
    """The policies in the templates are what the broker prints."""

    def documents(self, resources):
        broker, uploader = resources["BrokerRole"]["Properties"], resources["UploaderRole"]["Properties"]
        return {
            "broker": {"arn": f"acs:ram::{ACCOUNT}:role/{broker['RoleName']}", "policy": broker["Policies"][0]["PolicyDocument"],
                       "trust": broker["AssumeRolePolicyDocument"]},
            "roles": [{"arn": f"acs:ram::{ACCOUNT}:role/{uploader['RoleName']}", "max_session_seconds": uploader["MaxSessionDuration"],
                       "trust": uploader["AssumeRolePolicyDocument"], "ceiling": uploader["Policies"][0]["PolicyDocument"]}],
        }

    def test_the_quick_templates_are_those_of_the_config_that_it_writes(self):
        for names in ({}, {"BrokerRoleName": "b", "UploaderRoleName": "u.2", "BucketName": "elsewhere"}):
            resources = resolved("quick", **names)
            config = yaml.safe_load(files_of(resources["Instance"]["Properties"]["UserData"])["broker.yaml"])
            role = names.get("BrokerRoleName", "sluice-broker")
            self.assertEqual(self.documents(resources), printed(config, "--ram-identity", f"role/{role}", folder=self.folder))

    def test_the_ack_templates_are_those_of_the_sample(self):
        expected = printed(sample(), "--ram-identity", "role/sluice-broker", "--oidc-provider", "ack-rrsa-c1", "--service-account", "n:a",
                           folder=self.folder)
        self.assertEqual(self.documents(resolved("ack", OidcProviderName="ack-rrsa-c1", Namespace="n", ServiceAccount="a")), expected)

    def test_written_anew_they_are_the_same_byte_for_byte(self):
        for name, options in (("quick", []), ("ack", ["--oidc-provider", "ack-rrsa-c1"])):
            text = (TEMPLATES / f"{name}.yaml").read_text(encoding="utf-8")
            document = printed(sample(), "--ram-identity", "role/sluice-broker", *options, folder=self.folder)
            done = subprocess.run([TEMPLATES / "policies.py", TEMPLATES / f"{name}.yaml"], input=json.dumps(document), capture_output=True,
                                  text=True, check=True)
            self.assertEqual(done.stdout, text)

    def test_another_configs_policies_take_their_place(self):
        config = sample()
        config["grants"][0].update(operations=["UPLOAD", "TAG"], prefix="in/{subject}/", conditions={"tls_only": True},
                                   ttl={"default": "1h", "max": "2h"})
        config["grants"].append({**config["grants"][0], "name": "more", "bucket": "second-bucket", "operations": ["LIST"]})
        expected = printed(config, "--ram-identity", "role/sluice-broker", folder=self.folder)
        text = policies.written((TEMPLATES / "quick.yaml").read_text(encoding="utf-8"), expected)
        path = self.folder / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        _, template = ros_template.load(path)
        resources = ros_template.Resolver(template, PARAMETERS["quick"], PSEUDO, ATTRIBUTES).resolve(template["Resources"])
        self.assertEqual(self.documents(resources), expected)
        self.assertIn("second-bucket", text)
        self.assertNotIn("photos-of-acme", text)

    def test_what_cannot_be_printed_is_told_with_what_to_write_instead(self):
        printed(sample(), folder=self.folder)  # leaves the config there
        for options, said in ((["--print-ram-policy=policy"], "takes all, ceiling, trust, broker or broker-trust"),
                              (["--print-ram-policy=ceiling", "--ram-role", "other"], f"those are: acs:ram::{ACCOUNT}:role/sluice-uploader"),
                              (["--print-ram-policy", "--ram-identity", "sluice-broker"], "user/NAME, role/NAME or an ARN"),
                              (["--print-ram-policy", "--oidc-provider", "x"], "give --ram-identity role/NAME")):
            done = subprocess.run([BIN / "sluice-broker", "--config", self.folder / "printed.yaml", *options], capture_output=True, text=True,
                                  check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""), options)
            self.assertRegex(done.stderr, "^sluice-broker: OPTION_INVALID: ")
            self.assertIn(said, done.stderr)

    def test_what_does_not_fit_a_template_is_refused(self):
        config = sample()
        text = (TEMPLATES / "ack.yaml").read_text(encoding="utf-8")
        with self.assertRaisesRegex(SystemExit, "ram-identity"):
            policies.written(text, printed(config, folder=self.folder))
        config["grants"].append({**config["grants"][0], "name": "more", "role_arn": f"acs:ram::{ACCOUNT}:role/second"})
        with self.assertRaisesRegex(SystemExit, "several roles"):
            policies.written(text, printed(config, "--ram-identity", "role/b", folder=self.folder))


class CeilingTest(InFolder):
    """The uploads' role of a template, assumed without any session policy, so that the ceiling alone decides."""

    def setUp(self):
        super().setUp()
        self.cloud = self.cloud_of(resolved("quick", CorsOrigin="https://app.example.com"), "sluice-broker")
        self.key = self.cloud.assume(self.cloud.instance_key("sluice-broker"), "sluice-uploader")
        self.assertIn("SecurityToken", self.key)

    def status(self, *arguments, **options):
        return self.cloud.ask(self.key, *arguments, **options)[0]

    def test_it_gives_what_the_grants_give_and_no_more(self):
        mine = "/photos-of-acme/uploads/alice/cat.jpg"
        self.assertEqual(self.status("PUT", mine, b"cat"), 200)
        self.assertEqual(self.status("GET", mine), 200)
        self.assertEqual(self.status("GET", "/photos-of-acme/", query="?prefix=uploads/alice/"), 200)
        self.assertEqual(self.status("PUT", mine, b"cat", headers={"x-oss-object-acl": "private"}), 200)
        for acl in ("public-read", "public-read-write"):
            self.assertEqual(self.status("PUT", mine, b"cat", headers={"x-oss-object-acl": acl}), 403)
        self.assertEqual(self.status("PUT", "/photos-of-acme/other/cat.jpg", b"cat"), 403)
        self.assertEqual(self.status("PUT", "/photos-of-acme/uploads2/cat.jpg", b"cat"), 403)
        self.assertEqual(self.status("PUT", "/other-bucket/uploads/alice/cat.jpg", b"cat"), 403)
        self.assertEqual(self.status("DELETE", mine), 403)  # the sample's grant deletes nothing
        self.assertEqual(self.status("GET", "/photos-of-acme/"), 403)
        self.assertEqual(self.status("GET", "/photos-of-acme/", query="?prefix=other/"), 403)

    def test_a_page_of_the_named_origin_may_put_files_and_read_what_came_of_it(self):
        for origin, allowed in (("https://app.example.com", True), ("https://other.example.com", False)):
            preflight = urllib.request.Request(self.cloud.address("oss") + "/photos-of-acme/uploads/alice/cat.jpg", method="OPTIONS", headers={
                "Origin": origin, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization,x-oss-date"})
            self.assertEqual(answer_of(preflight)[0] == 200, allowed, origin)

    def test_the_uploads_role_assumes_no_role_and_the_brokers_touches_no_object(self):
        self.assertEqual(self.cloud.assume(self.key, "sluice-uploader").get("Code"), "NoPermission")
        own = self.cloud.instance_key("sluice-broker")
        self.assertEqual(self.cloud.ask(own, "PUT", "/photos-of-acme/uploads/alice/cat.jpg", b"cat")[0], 403)
        self.assertEqual(self.cloud.assume(own, "sluice-broker").get("Code"), "NoPermission")


def bearer(jwt, address, context=None):
    return answer_of(urllib.request.Request(address, headers={"Authorization": f"Bearer {jwt}"}), context)


class AckTest(InFolder):
    """A broker with a pod's token and nothing else, in the world of the ACK template."""

    def serve(self, **parameters):
        cloud = self.cloud_of(resolved("ack", **parameters))
        config = cloud.here(sample())
        config["listen"].update(grpc="127.0.0.1:0", http="127.0.0.1:0")  # TLS is the chart's
        config.update(keys={"ephemeral_keys": True}, audit={"file": str(self.folder / "audit.jsonl")})
        (self.folder / "broker.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        token = self.folder / "token"
        token.write_text(cloud.jwt("system:serviceaccount:sluice:sluice-broker", "sts.aliyuncs.com"), encoding="utf-8")
        broker = Process(self.folder, "sluice-broker", ["--config", self.folder / "broker.yaml"], {
            "ALIBABA_CLOUD_ROLE_ARN": f"acs:ram::{ACCOUNT}:role/sluice-broker", "ALIBABA_CLOUD_OIDC_TOKEN_FILE": str(token),
            "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": f"acs:ram::{ACCOUNT}:oidc-provider/sandbox"})
        self.addCleanup(broker.stop)
        _, body = bearer(cloud.jwt("alice"), f"http://127.0.0.1:{broker.ports['http']}/get_sts_token")
        return cloud, json.loads(body)

    def test_its_callers_upload_below_their_own_prefix_alone(self):
        cloud, token = self.serve()
        self.assertEqual(token["StatusCode"], 200, token)
        self.assertEqual(cloud.ask(token, "PUT", "/photos-of-acme/uploads/alice/cat.jpg", b"cat")[0], 200)
        for key in ("/photos-of-acme/uploads/bob/cat.jpg", "/photos-of-acme/cat.jpg", "/other-bucket/uploads/alice/cat.jpg"):
            self.assertEqual(cloud.ask(token, "PUT", key, b"cat")[0], 403, key)

    def test_pods_of_another_service_account_have_no_role(self):
        _, token = self.serve(ServiceAccount="another")
        self.assertEqual(token["ErrorCode"], "OWN_CREDENTIALS_MISSING")


class UserDataTest(InFolder):
    """The script that the instance runs at its first start, run here. What would change this machine or leave it is replaced on PATH."""

    def run_script(self, **change):
        """Runs it; the signals it sent to ROS."""
        self.bin = self.folder / "bin"
        self.etc = self.folder / "etc"
        self.logs = self.folder / "logs"
        for folder in (self.bin, self.etc / "broker", self.etc / "gateway", self.logs / "sluice-broker", self.logs / "sluice-gateway"):
            folder.mkdir(parents=True)
        packages = self.folder / "packages"
        packages.mkdir()
        sums = ""
        for name in ("sluice-broker_0.1.0_amd64.deb", "sluice-gateway_0.1.0_amd64.deb"):
            (packages / name).write_text(f"package {name}")
            sums += subprocess.run(["sha256sum", name], cwd=packages, capture_output=True, text=True, check=True).stdout
        (packages / "SHA256SUMS").write_text(sums)
        digest = subprocess.run(["sha256sum", packages / "SHA256SUMS"], capture_output=True, text=True, check=True).stdout.split()[0]
        resources = resolved("quick", PackagesDigest=change.get("digest", digest))
        if "ceiling" in change:
            resources["UploaderRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"] = change["ceiling"]
        self.cloud = self.cloud_of(resources, resources["Instance"]["Properties"]["RamRoleName"])
        script = resources["Instance"]["Properties"]["UserData"]
        self.assertLess(len(script), 32 * 1024)  # ECS takes no more
        self.assertNotRegex(script, r"@[A-Z]+@")
        script = script.replace("/etc/sluice", str(self.etc)).replace("/var/log/", f"{self.logs}/")
        self.replace_programs(packages)
        done = subprocess.run(["bash", "-c", script], timeout=300, check=False,
                              env={"PATH": f"{self.bin}:{os.environ['PATH']}", "SLUICE_BIN": str(BIN)})
        self.addCleanup(self.stop_services)
        signals = self.folder / "signals"
        self.said = (self.logs / "sluice-setup.log").read_text()
        return done.returncode, [json.loads(line) for line in signals.read_text().splitlines()] if signals.exists() else []

    def replace_programs(self, packages):
        def program(name, text):
            (self.bin / name).write_text(f"#!/bin/bash\nset -e\n{text}\n", encoding="utf-8")
            (self.bin / name).chmod(0o755)

        here = f"{sys.executable} {pathlib.Path(__file__).with_name('service_here.py')} {self.folder} {self.etc}"
        program("apt-get", f'echo "$*" >> {self.folder}/apt')
        program("chown", f'echo "$*" >> {self.folder}/chown')
        program("sleep", f'echo "$*" >> {self.folder}/slept')
        program("signal-to-ros", f'[ "$1 $2 $3" = "-H X-Auth-Token: t --data-binary" ] && echo "$4" >> {self.folder}/signals')
        program("runuser", '[ "$1 $2 $3" = "-u sluice-broker --" ]; shift 3; exec "$@"')
        # Packages come from a folder, readiness from the ports that were free.
        program("curl", f"""case ${{!#}} in
  https://packages.example.com/sluice/*) cp "{packages}/${{!###*/}}" . ;;
  http://127.0.0.1:9090/readyz) exec /usr/bin/env curl "${{@:1:$#-1}}" "$(cat {self.folder}/sluice-broker.admin)/readyz" ;;
  http://127.0.0.1:9091/readyz) exec /usr/bin/env curl "${{@:1:$#-1}}" "$(cat {self.folder}/sluice-gateway.admin)/readyz" ;;
  *) exit 99 ;;
esac""".replace("/usr/bin/env curl", "/usr/bin/curl"))
        program("systemctl", f"""[ "$*" = "restart sluice-broker sluice-gateway" ]
{here} start '{json.dumps(self.cloud.ports)}'""")
        program("sluice-broker", f'[ "$*" = "--config broker.yaml --doctor" ]; exec {BIN}/sluice-broker --config {self.folder}/sluice-broker.yaml --doctor')

    def stop_services(self):
        for name in ("sluice-gateway", "sluice-broker"):
            pid = self.folder / f"{name}.pid"
            if pid.exists():
                os.kill(int(pid.read_text()), 15)

    def test_it_installs_and_tells_ros_once_the_doctor_is_content(self):
        code, signals = self.run_script()
        self.assertEqual((code, [signal["status"] for signal in signals]), (0, ["SUCCESS"]), self.said)
        apt = (self.folder / "apt").read_text().splitlines()
        self.assertEqual(apt[0], "update")
        self.assertIn("./sluice-broker_0.1.0_amd64.deb ./sluice-gateway_0.1.0_amd64.deb", apt[1])
        self.assertEqual((self.folder / "chown").read_text().split(), ["-R", "root:sluice-broker", "broker", "-R", "root:sluice-gateway", "gateway"])
        for key in self.etc.glob("*/*"):
            self.assertEqual(key.stat().st_mode & 0o777, 0o640, key)

        # What it wrote serves, with the instance's role, over TLS, the gateway by its certificate.
        ports = json.loads((self.folder / "sluice-broker.ports").read_text())
        trusted = ssl.create_default_context(cafile=self.etc / "broker/tls.crt")
        status, body = bearer(self.cloud.jwt("alice"), f"https://localhost:{ports['http']}/get_sts_token", trusted)
        token = json.loads(body)
        self.assertEqual((status, token["StatusCode"]), (200, 200))
        self.assertEqual(self.cloud.ask(token, "PUT", "/photos-of-acme/uploads/alice/cat.jpg", b"cat")[0], 200)
        self.assertEqual(self.cloud.ask(token, "PUT", "/photos-of-acme/uploads/bob/cat.jpg", b"cat")[0], 403)

        for name, audience in (("jwt", "sluice"), ("gateway-jwt", "sluice-gateway")):
            (self.folder / name).write_text(self.cloud.jwt("alice", audience))
        gateway = json.loads((self.folder / "sluice-gateway.ports").read_text())
        picture = ROOT / "deploy/demo/picture.png"
        done = subprocess.run([
            BIN / "sluice", "--broker", f"https://localhost:{ports['grpc']}", "--gateway", f"https://localhost:{gateway['grpc']}", "--ca",
            self.etc / "broker/tls.crt", "--jwt-file", self.folder / "jwt", "--gateway-jwt-file", self.folder / "gateway-jwt", "upload", picture,
            "--via", "gateway"], capture_output=True, text=True, env={"PATH": os.environ["PATH"], "HOME": str(self.folder)})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.cloud.ask(token, "GET", "/photos-of-acme/uploads/alice/picture.png")[1], picture.read_bytes())

    def test_shellcheck_finds_nothing_in_it(self):
        script = resolved("quick")["Instance"]["Properties"]["UserData"]
        done = subprocess.run(["shellcheck", "-"], input=script, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_packages_that_nobody_has_seen_are_not_installed(self):
        code, signals = self.run_script(digest="1" * 64)
        self.assertNotEqual(code, 0)
        self.assertEqual([signal["status"] for signal in signals], ["FAILURE"])
        self.assertTrue(signals[0]["reason"].startswith("packages;"), signals)
        self.assertFalse((self.folder / "apt").exists())

    def test_a_role_that_cannot_upload_fails_the_stack_and_says_so(self):
        code, signals = self.run_script(ceiling=[{"Effect": "Allow", "Action": ["oss:GetObject"], "Resource": ["*"]}])
        self.assertNotEqual(code, 0)
        self.assertEqual([signal["status"] for signal in signals], ["FAILURE"])
        self.assertTrue(signals[0]["reason"].startswith("doctor;"), signals)
        self.assertEqual(len((self.folder / "slept").read_text().splitlines()), 19)
        self.assertIn("ceiling", self.said)


if __name__ == "__main__":
    unittest.main()
