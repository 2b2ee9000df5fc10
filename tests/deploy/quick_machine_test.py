#!/usr/bin/env python3
"""The script that the quick deployment's instance runs at its first start, run on a Debian whose process 1 is systemd, with the real packages.

After packages_test.py, whose Debian and packages it takes. What is not real there: the cloud is a sandbox on the same machine, so the script's two
configs are pointed at it before the services start; and packages come from a folder.
"""
import json
import re
import shlex
import subprocess
import unittest

import yaml

import local_cloud
from local_cloud import ROOT
from machine import Machine, until
from stacks import resolved

PACKAGES = ROOT / "build/packages"
DEBIAN = ROOT / "build/deploy/machine"
# What a config of production has of the cloud, and what it is on this machine.
HERE = {
    r"^listen:": "development: true\nlisten:",
    r'issuer: "[^"]+"': 'issuer: "http://127.0.0.1:9003"',
    r'jwks_url: "[^"]+"': 'jwks_url: "http://127.0.0.1:9003/jwks.json"',
    r"^credentials: .*": 'credentials: {chain: [ecs], metadata_endpoint: "http://127.0.0.1:9002"}',
    r"^sts: .*": f'sts: {{region: {local_cloud.REGION}, endpoints: ["http://127.0.0.1:9001"]}}',
    r"^    endpoint: .*": '    endpoint: "http://127.0.0.1:9000"',
}


class QuickMachineTest(unittest.TestCase):
    def setUp(self):
        subprocess.run("sha256sum sluice-*.deb > SHA256SUMS", shell=True, cwd=PACKAGES, check=True)
        digest = subprocess.run(["sha256sum", PACKAGES / "SHA256SUMS"], capture_output=True, text=True, check=True).stdout.split()[0]
        version = next(PACKAGES.glob("sluice-broker_*_amd64.deb")).name.split("_")[1]
        self.resources = resolved("quick", PackagesDigest=digest, PackagesVersion=version)
        self.machine = Machine(DEBIAN)
        self.addCleanup(self.machine.close)
        # Every Debian but a minimal one has it.
        self.write("/etc/hosts", "127.0.0.1 localhost\n")
        for package in (*PACKAGES.glob("sluice*.deb"), PACKAGES / "SHA256SUMS"):
            self.write(f"/packages/{package.name}", package.read_bytes())

    def write(self, path, content, mode=0o644):
        file = self.machine.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(mode)

    def start_cloud(self):
        """A sandbox with the template's roles and bucket, on its usual ports; and the command line beside it."""
        packages = [f"/packages/{path.name}" for name in ("sluice-sandbox", "sluice") for path in PACKAGES.glob(f"{name}_*.deb")]
        self.machine.run("apt-get", "install", "-y", "--no-install-recommends", *packages)
        role = self.resources["Instance"]["Properties"]["RamRoleName"]
        self.write("/root/world.yaml", yaml.safe_dump(local_cloud.world_of(self.resources, role)))
        self.machine.run("systemd-run", "--unit", "cloud", "/usr/bin/sluice-sandbox", "--config", "/root/world.yaml")
        until(lambda: self.machine.run("curl", "-fsS", "http://127.0.0.1:9004/healthz", check=False).returncode == 0,
              lambda: self.machine.run("journalctl", "--no-pager", "-u", "cloud"))

    def replace_programs(self):
        expressions = [f"-e {shlex.quote('s#' + old + '#' + new.replace(chr(10), chr(92) + 'n') + '#')}" for old, new in HERE.items()]
        for name, text in {
            "curl": 'case ${!#} in\n  https://packages.example.com/sluice/*) cp "/packages/${!###*/}" . ;;\n  *) exec /usr/bin/curl "$@" ;;\nesac',
            "signal-to-ros": '[ "$1 $2 $3" = "-H X-Auth-Token: t --data-binary" ]\necho "$4" >> /root/signals',
            "systemctl": f'if [ "$1" = restart ]; then sed -i -E {" ".join(expressions)} /etc/sluice/*.yaml; fi\nexec /usr/bin/systemctl "$@"',
        }.items():
            self.write(f"/usr/local/bin/{name}", f"#!/bin/bash\nset -e\n{text}\n", 0o755)

    def test_the_script_makes_a_bare_debian_serve(self):
        self.start_cloud()
        self.replace_programs()
        self.write("/root/user-data", self.resources["Instance"]["Properties"]["UserData"])
        done = self.machine.run("bash", "/root/user-data", check=False, env={"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
        said = self.machine.path("/var/log/sluice-setup.log").read_text()
        signals = self.machine.path("/root/signals")
        self.assertEqual(done.returncode, 0, said)
        self.assertEqual([json.loads(line)["status"] for line in signals.read_text().splitlines()], ["SUCCESS"], said)
        self.assertRegex(said, r"checks: \d+ ok, 0 warning, 0 failed")

        for name in ("sluice-broker", "sluice-gateway"):
            self.assertEqual(self.machine.unit(name, "ActiveState"), "active")
            self.assertEqual(self.machine.run("systemctl", "is-enabled", name).strip(), "enabled")
            keys = self.machine.run("stat", "-c", "%U:%G %a", *self.keys_of(name)).split("\n")
            self.assertEqual(set(filter(None, keys)), {f"root:{name} 640"})

        for audience in ("sluice", "sluice-gateway"):
            jwt = self.machine.run("curl", "-fsS", f"http://127.0.0.1:9003/token?subject=alice&audience={audience}")
            self.write(f"/root/{audience}.jwt", jwt)
        sluice = ["sluice", "--ca", "/etc/sluice/broker/tls.crt", "--jwt-file", "/root/sluice.jwt", "--gateway-jwt-file", "/root/sluice-gateway.jwt",
                  "--broker", "https://localhost:50051", "--gateway", "https://localhost:50052"]
        for via in ("direct", "gateway"):
            self.machine.run(*sluice, "upload", "/root/user-data", "--to", f"by-{via}", "--via", via)
            self.machine.run(*sluice, "download", f"by-{via}", "-o", f"/root/{via}")
            self.assertEqual(self.machine.path(f"/root/{via}").read_bytes(), self.machine.path("/root/user-data").read_bytes())
        # Pages of any origin may ask, as the stack's parameter says, and a tus client finds the gateway.
        tus = self.machine.run("curl", "-fsS", "-i", "-X", "OPTIONS", "--cacert", "/etc/sluice/gateway/tls.crt", "https://localhost:8081/files/")
        self.assertRegex(tus, re.compile("^tus-version: 1.0.0", re.IGNORECASE | re.MULTILINE))

    def keys_of(self, name):
        folder = f"/etc/sluice/{name[7:]}"
        return [f"{folder}/{path.name}" for path in self.machine.path(folder).iterdir()]


if __name__ == "__main__":
    unittest.main()
