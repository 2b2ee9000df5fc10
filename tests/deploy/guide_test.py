#!/usr/bin/env python3
"""The commands of deploy/README.md, in their order, as they stand there; what they would order in the cloud becomes a sandbox's world."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap
import unittest
import xml.etree.ElementTree

import yaml

import local_cloud
import ros_template
from local_cloud import BIN, ROOT, LocalCloud, Process

ACCOUNT = "1234567890123456"
GUIDE = (ROOT / "deploy/README.md").read_text(encoding="utf-8")


def commands(section):
    """The shell blocks of a section, in order."""
    text = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", GUIDE, re.MULTILINE | re.DOTALL)[1]
    return [textwrap.dedent(block) for block in re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)]


class GuideTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "deploy").symlink_to(ROOT / "deploy")
        (self.folder / "build/release").mkdir(parents=True)
        (self.folder / "build/release/bin").symlink_to(BIN)
        self.programs = self.folder / "programs"
        self.programs.mkdir()
        (self.programs / "aliyun").write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT}/tests/deploy/aliyun.py "$@"\n', encoding="utf-8")
        (self.programs / "aliyun").chmod(0o755)
        self.environment = {"PATH": f"{self.programs}:{os.environ['PATH']}", "HOME": str(self.folder),
                            "ALIYUN_STATE": str(self.folder / "state.json")}

    def run_block(self, block, code=0):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=self.folder, env=self.environment, capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, code, f"{block}\n{done.stdout}{done.stderr}")
        return done.stdout

    def state(self):
        return json.loads((self.folder / "state.json").read_text())

    def test_the_stack_of_one_instance(self):
        digests, create = commands("One instance")
        (self.folder / "build/packages").mkdir()
        (self.folder / "build/packages/SHA256SUMS").write_text("x")
        self.assertRegex(self.run_block(digests), r"^[0-9a-f]{64}  build/packages/SHA256SUMS\n$")
        self.run_block(create)
        self.assert_stack("quick")

    def test_the_stack_for_ack(self):
        create, = commands("ACK")
        self.run_block(create)
        self.assert_stack("ack")

    def assert_stack(self, name):
        """Every parameter is the template's, none is missing, and each has the form that the template asks for."""
        stack, = self.state()["Stack"]
        text, template = ros_template.load(ROOT / f"deploy/ros/{name}.yaml")
        self.assertEqual(stack["TemplateBody"], text.rstrip("\n"))
        self.assertLess(len(text), 512 * 1024)  # of a template's body in a request
        resolver = ros_template.Resolver(template, stack["parameters"], {}, {})
        self.assertEqual(resolver.unknown, set())
        for parameter, value in stack["parameters"].items():
            if "AllowedPattern" in template["Parameters"][parameter]:
                self.assertRegex(value, f"^({template['Parameters'][parameter]['AllowedPattern']})$")

    def test_by_hand_to_the_first_upload(self):
        keys, bucket, user, role, run = commands("By hand")
        self.assertIn("broker.yaml: good", self.run_block(keys))
        for block in (bucket, user, role):
            self.run_block(block)
        create_key, _, doctor, broker = run.strip().split("\n")
        key = json.loads(self.run_block(create_key))["AccessKey"]
        state = self.state()
        self.assertEqual(state["Bucket"]["my-bucket"]["acl"], "private")

        # From here on the cloud is the sandbox, with what was ordered and nothing else.
        sandbox = local_cloud.start_sandbox(self.folder, self.world(state))
        self.addCleanup(sandbox.stop)
        cloud = LocalCloud(sandbox.ports)
        path = self.folder / "broker.yaml"
        config = cloud.here(yaml.safe_load(path.read_text(encoding="utf-8")))
        for listener in ("grpc", "http"):
            config["listen"][listener] = "127.0.0.1:0"
        config["audit"]["file"] = str(self.folder / "audit.jsonl")
        path.write_text(yaml.safe_dump(config), encoding="utf-8")

        self.environment.update(ALIBABA_CLOUD_ACCESS_KEY_ID=key["AccessKeyId"], ALIBABA_CLOUD_ACCESS_KEY_SECRET=key["AccessKeySecret"])
        said = self.run_block(doctor)
        self.assertRegex(said, r"0 warning, 0 failed")
        self.assertIn("the role ends at prefixes", said)
        self.assertEqual(broker, "build/release/bin/sluice-broker --config broker.yaml")
        running = Process(self.folder, "sluice-broker", ["--config", path], self.environment)
        self.addCleanup(running.stop)

        upload, = commands("The first upload")
        (self.folder / "jwt").write_text(cloud.jwt("alice"))
        (self.folder / "cat.jpg").write_bytes(b"a cat")
        self.run_block(upload.replace("https://uploads.example.com:50051", f"127.0.0.1:{running.ports['grpc']}"))
        self.assertEqual((self.folder / "back.jpg").read_bytes(), b"a cat")

    def world(self, state):
        users = [{"name": name, "access_key_id": user["key"]["AccessKeyId"], "access_key_secret": "file:secret",
                  "policy_json": json.dumps(user["policies"][0])} for name, user in state["User"].items()]
        (self.folder / "secret").write_text(state["User"]["sluice-broker"]["key"]["AccessKeySecret"])
        roles = [{"name": name, "max_session_duration": f"{role['MaxSessionDuration']}s", "policy_json": json.dumps(role["policies"][0]),
                  "trust_policy_json": json.dumps(role["AssumeRolePolicyDocument"])} for name, role in state["Role"].items()]
        buckets = [{"name": name, "region": bucket["region"]} for name, bucket in state["Bucket"].items()]
        return {"account": ACCOUNT, "users": users, "roles": roles, "buckets": buckets}

    def test_a_template_with_ones_own_policies(self):
        self.run_block(commands("By hand")[0])
        self.run_block(commands("Other grants than the sample's")[0])
        self.assertEqual((self.folder / "mine.yaml").read_text(), (ROOT / "deploy/ros/quick.yaml").read_text())
        self.run_block(commands("Other grants than the sample's")[0].replace("quick.yaml", "ack.yaml").replace(
            "role/sluice-broker", "role/sluice-broker --oidc-provider ack-rrsa"))
        self.assertEqual((self.folder / "mine.yaml").read_text(), (ROOT / "deploy/ros/ack.yaml").read_text())

    def test_the_buckets_rules_by_hand_are_those_of_the_templates(self):
        def value(element):
            return [value(child) for child in element] if len(element) else (element.tag, element.text)

        def of_template(tag, item):
            if isinstance(item, list):
                return [pair for member in item for pair in of_template(tag, member)]
            return [[pair for key, member in item.items() for pair in of_template(key, member)]] if isinstance(item, dict) else [(tag, str(item))]

        def flat(items):
            return sorted(pair for item in items for pair in (flat(item) if isinstance(item, list) else [item]))

        for name in ("quick", "ack"):
            _, template = ros_template.load(ROOT / f"deploy/ros/{name}.yaml")
            resolver = ros_template.Resolver(template, {parameter: "x" for parameter, described in template["Parameters"].items()
                                                        if "Default" not in described}, {}, {})
            bucket = resolver.resolve(template["Resources"]["Bucket"])["Properties"]
            for file, configuration in (("lifecycle", "LifecycleConfiguration"), ("cors", "CORSConfiguration")):
                by_hand = value(xml.etree.ElementTree.parse(ROOT / f"deploy/bucket/{file}.xml").getroot())
                self.assertEqual(flat(by_hand), flat(of_template("", bucket[configuration])), name)

    def test_what_the_vendors_apis_do_not_take_is_noticed(self):
        for wrong in ("aliyun ram CreateUser --UserNam x", "aliyun ram MakeUser --UserName x", "aliyun ros CreateStack --Template x"):
            done = subprocess.run(["bash", "-c", wrong], env=self.environment, capture_output=True, text=True, check=False)
            self.assertNotEqual(done.returncode, 0, wrong)
            self.assertIn("aliyun: ", done.stderr)


if __name__ == "__main__":
    unittest.main()
