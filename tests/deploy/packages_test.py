#!/usr/bin/env python3
"""The Debian packages of build/packages on a Debian of their own, whose process 1 is systemd: installed, started, upgraded, removed.

As root, after ./dev package; build/deploy/base.tar is the Debian (deploy/docker/buildah.sh base)."""
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from machine import Machine, run, until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "build/packages"
SERVICES = ("sluice-broker", "sluice-gateway")
NAMES = (*SERVICES, "sluice-sandbox", "sluice")
# What lintian says and we leave as it is: our programs explain themselves by --help, and an environment file is for root alone.
LINTIAN_LEAVES = ("no-manual-page", "non-standard-file-perm")
# Of 10, as systemd counts it: how much a service that was taken over could still do. One without protection has 9.6.
EXPOSURE = 15


def deb(name, folder=PACKAGES):
    found = list(folder.glob(f"{name}_*.deb"))
    assert len(found) == 1, f"{folder} has {len(found)} packages {name}; ./dev package makes them"
    return found[0]


def version(package):
    return run("dpkg-deb", "--field", package, "Version").strip()


def next_version(package, folder, conffiles):
    """The package once more, one version on, with a line more at the end of those conffiles."""
    unpacked = folder / package.stem
    run("dpkg-deb", "--raw-extract", package, unpacked)
    control = unpacked / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^(Version: .*)$", r"\1+next", control.read_text(encoding="utf-8")), encoding="utf-8")
    for conffile in conffiles:
        with open(unpacked / conffile.lstrip("/"), "a", encoding="utf-8") as text:
            text.write("# One more line.\n")
    run("dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "--build", unpacked, folder)
    shutil.rmtree(unpacked)


class Packages(unittest.TestCase):
    """Each test has a fresh machine; what it installs is gone with it."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.debian = cls.prepared_debian()
        (cls.folder / "next").mkdir()
        for name in NAMES:
            next_version(deb(name), cls.folder / "next", [f"/etc/sluice/{name[7:]}.{kind}" for kind in ("yaml", "env")] if name in SERVICES else [])

    @classmethod
    def prepared_debian(cls):
        """A Debian with systemd, and with what the packages say that they depend on and nothing else: a machine has no network to get more from."""
        depends = [run("dpkg-deb", "--field", deb(name), "Depends").strip() for name in NAMES]
        library = run("dpkg-deb", "--field", deb("libsluice-dev"), "Depends").strip()
        base = ROOT / "build/deploy/base.tar"
        made_of = f"{base.stat().st_mtime_ns}\n" + "\n".join([*depends, library])
        debian = ROOT / "build/deploy/machine"
        stamp = ROOT / "build/deploy/machine.stamp"
        if stamp.exists() and stamp.read_text(encoding="utf-8") == made_of:
            return debian
        stamp.unlink(missing_ok=True)
        shutil.rmtree(debian, ignore_errors=True)
        debian.mkdir()
        run("tar", "--extract", "--file", base, "--directory", debian)
        shutil.copy("/etc/resolv.conf", debian / "etc/resolv.conf")
        commands = ("update",), ("install", "systemd", "openssl", "curl"), ("satisfy", *depends), ("satisfy", "--simulate", library), ("clean",)
        for command in commands:
            run("chroot", debian, "apt-get", "-y", "--no-install-recommends", *command,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"})
        shutil.rmtree(debian / "var/lib/apt/lists")  # a machine has no use for them, and reads them at each install
        stamp.write_text(made_of, encoding="utf-8")
        return debian

    def machine(self):
        machine = Machine(self.debian)
        self.addCleanup(machine.close)
        for inside, packages in (("/packages", PACKAGES), ("/packages-next", self.folder / "next")):
            shutil.copytree(packages, machine.path(inside), ignore=shutil.ignore_patterns("libsluice*"))
        return machine

    def install(self, machine, *names, folder="/packages"):
        files = [f"{folder}/{deb(name, machine.path(folder)).name}" for name in names]
        return machine.run("apt-get", "install", "-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confdef",
                           "-o", "Dpkg::Options::=--force-confold", *files)

    def keys(self, machine):
        """A certificate that everybody here has, and the key of tickets and of upload ids, put where an operator would put them."""
        machine.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", "/root/tls.key", "-out", "/root/tls.crt")
        machine.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=gateway",
                    "-addext", "subjectAltName=URI:spiffe://sluice/gateway", "-keyout", "/root/gateway.key", "-out", "/root/gateway.crt")
        machine.run("openssl", "genpkey", "-algorithm", "ed25519", "-out", "/root/ticket-k1.pem")
        machine.run("openssl", "rand", "-base64", "-out", "/root/upload-k1", "32")
        for service, files in (("broker", ("tls.crt", "tls.key", "ticket-k1.pem", "gateway.crt")),
                               ("gateway", ("tls.crt", "tls.key", "gateway.crt", "gateway.key", "upload-k1"))):
            if machine.path(f"/etc/sluice/{service}").exists():
                machine.run("install", "-o", "root", "-g", f"sluice-{service}", "-m", "0640", "-t", f"/etc/sluice/{service}",
                            *[f"/root/{file}" for file in files])
        if machine.path("/etc/sluice/gateway").exists():
            machine.run("cp", "-p", "/etc/sluice/gateway/tls.crt", "/etc/sluice/gateway/broker-ca.crt")

    def configure(self, machine):
        """The demo's configs, in which everything is an environment variable, for services of a sandbox on the same machine."""
        addresses = {"SLUICE_SANDBOX_ISSUER": "http://127.0.0.1:9003", "SLUICE_SANDBOX_JWKS": "http://127.0.0.1:9003/jwks.json"}
        broker = {**addresses, "ALIBABA_CLOUD_ACCESS_KEY_ID": "SANDBOXBROKERKEYID00", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "sandbox-broker-secret",
                  "SLUICE_SANDBOX_STS": "http://127.0.0.1:9001", "SLUICE_SANDBOX_OSS": "http://127.0.0.1:9000", "SLUICE_PUBLIC_URL": "",
                  "SLUICE_LISTEN_GRPC": "127.0.0.1:50051", "SLUICE_LISTEN_HTTP": "127.0.0.1:8080", "SLUICE_LISTEN_ADMIN": "127.0.0.1:9090",
                  "SLUICE_LISTEN_GATEWAYS": "127.0.0.1:50053", "SLUICE_GATEWAYS_CERT": "/etc/sluice/broker/tls.crt",
                  "SLUICE_GATEWAYS_KEY": "/etc/sluice/broker/tls.key", "SLUICE_GATEWAY_CERT": "/etc/sluice/broker/gateway.crt",
                  "SLUICE_GATEWAY_ADDRESS": "127.0.0.1:50052", "SLUICE_AUDIT_FILE": "/var/log/sluice-broker/audit.jsonl"}
        gateway = {**addresses, "SLUICE_LISTEN_GRPC": "127.0.0.1:50052", "SLUICE_LISTEN_HTTP": "127.0.0.1:8081", "SLUICE_LISTEN_ADMIN": "127.0.0.1:9091",
                   "SLUICE_GATEWAYS_BROKER": "127.0.0.1:50053", "SLUICE_GATEWAY_CA": "/etc/sluice/gateway/broker-ca.crt",
                   "SLUICE_GATEWAY_CERT": "/etc/sluice/gateway/gateway.crt", "SLUICE_GATEWAY_KEY": "/etc/sluice/gateway/gateway.key",
                   "SLUICE_UPLOAD_KEY": machine.run("cat", "/root/upload-k1").strip(), "SLUICE_AUDIT_FILE": "/var/log/sluice-gateway/audit.jsonl"}
        for service, sample, environment in (("broker", "token_broker", broker), ("gateway", "upload_gateway", gateway)):
            if machine.path(f"/etc/sluice/{service}").exists():
                shutil.copyfile(ROOT / f"deploy/config/{sample}.sandbox.yaml", machine.path(f"/etc/sluice/{service}.yaml"))
                machine.path(f"/etc/sluice/{service}.env").write_text("".join(f'{name}="{value}"\n' for name, value in environment.items()), encoding="utf-8")

    def ready(self, machine, unit, port):
        def answers():
            return machine.run("curl", "-fsS", f"http://127.0.0.1:{port}/readyz", check=False).returncode == 0
        until(answers, lambda: f"{unit} is not ready: " + machine.run("journalctl", "--no-pager", "-n", "20", "-u", unit))

    def everything_runs(self):
        """A machine with sandbox, broker and gateway as services, and the command line with a JWT for each of the two."""
        machine = self.machine()
        self.install(machine, *NAMES)
        self.keys(machine)
        self.configure(machine)
        for unit, port, path in (("sluice-sandbox", 9004, "healthz"), ("sluice-broker", 9090, "readyz"), ("sluice-gateway", 9091, "readyz")):
            machine.run("systemctl", "start", unit)
            machine.run("curl", "-fsS", f"http://127.0.0.1:{port}/{path}")  # at once: it came back when it served
        self.mint(machine)
        return machine

    def mint(self, machine):
        for audience in ("sluice", "sluice-gateway"):
            jwt = machine.run("curl", "-fsS", f"http://127.0.0.1:9003/token?subject=alice&audience={audience}")
            machine.path(f"/root/{audience}.jwt").write_text(jwt, encoding="ascii")

    def upload(self, machine, via):
        machine.run("dd", "if=/dev/urandom", "of=/root/file", "bs=1M", "count=5")
        return machine.run("sluice", "--jwt-file", "/root/sluice.jwt", "--gateway-jwt-file", "/root/sluice-gateway.jwt", "--broker", "127.0.0.1:50051",
                           "--gateway", "127.0.0.1:50052", "upload", "/root/file", "--to", f"by-{via}", "--via", via)

    def test_lintian_finds_nothing(self):
        said = run("lintian", "--allow-root", "--fail-on", "error,warning", "--suppress-tags", ",".join(LINTIAN_LEAVES), *sorted(PACKAGES.glob("*.deb")))
        self.assertEqual(said, "")

    def test_units_are_right_and_leave_a_taken_over_service_little(self):
        machine = self.machine()
        self.install(machine, *NAMES)
        for name in (*SERVICES, "sluice-sandbox"):
            unit = f"/lib/systemd/system/{name}.service"
            self.assertEqual(machine.run("systemd-analyze", "verify", "--man=no", unit), "")
            machine.run("systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE}", "--no-pager", unit)

    def test_a_first_install_enables_a_service_and_starts_nothing_without_keys(self):
        machine = self.machine()
        self.install(machine, *NAMES)
        for name in SERVICES:
            service = name[7:]
            self.assertEqual(machine.run("systemctl", "is-enabled", name).strip(), "enabled")
            self.assertEqual(machine.unit(name, "ActiveState"), "inactive")
            self.assertEqual(machine.run("stat", "-c", "%U:%G %a", f"/etc/sluice/{service}.env").strip(), "root:root 600")
            self.assertEqual(machine.run("stat", "-c", "%U:%G %a", f"/etc/sluice/{service}").strip(), f"root:{name} 750")
            # Also when it is asked for: it says what is missing instead of failing at each start of the machine.
            machine.run("systemctl", "start", name)
            self.assertEqual((machine.unit(name, "ActiveState"), machine.unit(name, "ConditionResult")), ("inactive", "no"))
        self.assertEqual(machine.run("systemctl", "is-enabled", "sluice-sandbox", check=False).stdout.strip(), "disabled")
        self.assertEqual(machine.unit("sluice-sandbox", "ActiveState"), "inactive")

    def test_the_installed_configs_are_good_once_the_keys_are_there(self):
        machine = self.machine()
        self.install(machine, *NAMES)
        without = machine.run("sluice-broker", "--config", "/etc/sluice/broker.yaml", "--check", check=False)
        self.assertEqual(without.returncode, 2)
        self.assertIn("/etc/sluice/broker/", without.stdout)
        self.keys(machine)
        for name in SERVICES:
            machine.run("install", "-d", "-o", name, "-m", "0750", f"/var/log/{name}")
            said = machine.run("runuser", "-u", name, "--", name, "--config", f"/etc/sluice/{name[7:]}.yaml", "--check")
            self.assertIn(f"/etc/sluice/{name[7:]}.yaml: good", said)
        foreign = machine.run("runuser", "-u", "sluice-gateway", "--", "cat", "/etc/sluice/broker/tls.key", check=False)
        self.assertIn("Permission denied", foreign.stdout)

    def test_a_bad_config_fails_the_start_and_says_where(self):
        machine = self.machine()
        self.install(machine, "sluice-broker")
        self.keys(machine)
        config = machine.path("/etc/sluice/broker.yaml")
        config.write_text(config.read_text(encoding="utf-8").replace("grants:", "grnats:"), encoding="utf-8")
        self.assertNotEqual(machine.run("systemctl", "start", "sluice-broker", check=False).returncode, 0)
        facts = tuple(machine.unit("sluice-broker", prop) for prop in ("ActiveState", "ExecMainStatus", "NRestarts"))
        self.assertEqual(facts, ("failed", "2", "0"))
        self.assertIn("grnats", machine.run("journalctl", "--no-pager", "-u", "sluice-broker"))

    def test_services_upload_under_all_their_restrictions(self):
        machine = self.everything_runs()
        for via in ("direct", "gateway"):
            self.assertIn(f"uploads/alice/by-{via}", self.upload(machine, via))
        for name in ("sluice-sandbox", *SERVICES):
            status = machine.path(f"/proc/{machine.unit(name, 'MainPID')}/status").read_text(encoding="ascii")
            facts = dict(re.findall(r"(?m)^(CapEff|CapBnd|NoNewPrivs|Seccomp|Uid):\s+(\w+)", status))
            self.assertEqual({**facts, "Uid": ""}, {"CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2", "Uid": ""}, name)
            self.assertNotEqual(facts["Uid"], "0")
        for name in SERVICES:
            audit = machine.path(f"/var/log/{name}/audit.jsonl")
            lines = [json.loads(line) for line in audit.read_text(encoding="utf-8").splitlines()]
            self.assertTrue(any("photos" in json.dumps(line) for line in lines), name)
            self.assertEqual(machine.run("stat", "-c", "%U %a", audit.parent.relative_to(machine.path("")).as_posix().join(("/", ""))).strip(), f"{name} 750")
        journal = machine.run("journalctl", "--no-pager", "-u", "sluice-*")
        self.assertNotIn(machine.path("/root/sluice.jwt").read_text(encoding="ascii").strip(), journal)
        self.assertNotIn("sandbox-broker-secret", journal)

    def test_reload_takes_a_new_config_and_keeps_the_process(self):
        machine = self.everything_runs()
        before = machine.unit("sluice-broker", "MainPID")
        grants = ("sluice", "--jwt-file", "/root/sluice.jwt", "--broker", "127.0.0.1:50051", "grants")
        self.assertIn("photos", machine.run(*grants))
        config = machine.path("/etc/sluice/broker.yaml")
        config.write_text(config.read_text(encoding="utf-8").replace("name: photos", "name: pictures"), encoding="utf-8")
        machine.run("systemctl", "reload", "sluice-broker")
        until(lambda: "pictures" in machine.run(*grants), "the new grant does not come")
        self.assertEqual(machine.unit("sluice-broker", "MainPID"), before)

    def test_stop_drains_within_the_time_that_the_unit_gives(self):
        machine = self.everything_runs()
        for name in reversed(SERVICES):
            machine.run("systemctl", "stop", name)
            self.assertEqual((machine.unit(name, "ActiveState"), machine.unit(name, "Result")), ("inactive", "success"))
            journal = machine.run("journalctl", "--no-pager", "-u", name)
            self.assertIn('"stopped"', journal)
            drain = re.search(r'"draining".*', journal).group(0)
            longest = sum(int(ms) for ms in re.findall(r'"(?:wait|grace)_ms":"?(\d+)', drain)) * 1000
            self.assertGreater(longest, 0, drain)
            stop = machine.run("systemctl", "show", "--value", "--property", "TimeoutStopUSec", name).strip()
            seconds = {"1min": 60}.get(stop) or int(stop.removesuffix("s"))
            self.assertGreater(seconds * 1_000_000, longest)

    def test_a_program_that_dies_is_started_again(self):
        machine = self.everything_runs()
        before = machine.unit("sluice-gateway", "MainPID")
        machine.run("systemctl", "kill", "--signal=KILL", "sluice-gateway")
        until(lambda: machine.unit("sluice-gateway", "MainPID") not in ("0", before), "it is not started again")
        self.ready(machine, "sluice-gateway", 9091)
        self.assertIn("by-gateway", self.upload(machine, "gateway"))

    def test_an_upgrade_restarts_what_ran_and_keeps_what_was_changed(self):
        machine = self.everything_runs()
        changed = machine.path("/etc/sluice/broker.yaml").read_text(encoding="utf-8")
        machine.run("systemctl", "stop", "sluice-gateway")
        before = machine.unit("sluice-broker", "MainPID")
        self.install(machine, *NAMES, folder="/packages-next")
        for name in NAMES:
            self.assertEqual(machine.run("dpkg-query", "-W", "-f", "${Version}", name), version(deb(name)) + "+next")
        self.assertNotIn(machine.unit("sluice-broker", "MainPID"), ("0", before))
        self.ready(machine, "sluice-broker", 9090)
        self.mint(machine)  # the sandbox began anew too, with other keys
        until(lambda: "photos" in machine.run("sluice", "--jwt-file", "/root/sluice.jwt", "--broker", "127.0.0.1:50051", "grants", check=False).stdout,
              "the broker does not get the new keys")
        self.assertIn("by-direct", self.upload(machine, "direct"))
        self.assertEqual(machine.unit("sluice-gateway", "ActiveState"), "inactive")  # who stopped it meant it
        self.assertEqual(machine.run("systemctl", "is-enabled", "sluice-gateway").strip(), "enabled")
        self.assertEqual(machine.path("/etc/sluice/broker.yaml").read_text(encoding="utf-8"), changed)
        self.assertIn("# One more line.", machine.path("/etc/sluice/broker.yaml.dpkg-dist").read_text(encoding="utf-8"))

    def test_an_upgrade_brings_the_new_of_what_nobody_changed(self):
        machine = self.machine()
        self.install(machine, "sluice-broker")
        self.install(machine, "sluice-broker", folder="/packages-next")
        for kind in ("yaml", "env"):
            self.assertIn("# One more line.", machine.path(f"/etc/sluice/broker.{kind}").read_text(encoding="utf-8"))
        self.assertEqual(machine.run("stat", "-c", "%U:%G %a", "/etc/sluice/broker.env").strip(), "root:root 600")

    def test_disabled_stays_disabled_through_an_upgrade(self):
        machine = self.machine()
        self.install(machine, "sluice-broker")
        machine.run("systemctl", "disable", "sluice-broker")
        self.install(machine, "sluice-broker", folder="/packages-next")
        self.assertEqual(machine.run("systemctl", "is-enabled", "sluice-broker", check=False).stdout.strip(), "disabled")

    def test_remove_stops_and_keeps_config_and_keys_for_an_install_after_it(self):
        machine = self.everything_runs()
        machine.run("apt-get", "remove", "-y", *NAMES)
        for name in ("sluice-sandbox", *SERVICES):
            self.assertEqual(machine.unit(name, "ActiveState"), "inactive")
            self.assertFalse(machine.path(f"/usr/bin/{name}").exists())
        for kept in ("broker.yaml", "broker.env", "broker/ticket-k1.pem", "gateway.yaml", "gateway.env", "gateway/upload-k1"):
            self.assertTrue(machine.path(f"/etc/sluice/{kept}").exists(), kept)
        self.install(machine, *NAMES)
        for name in SERVICES:
            self.assertEqual(machine.run("systemctl", "is-enabled", name).strip(), "enabled")
            machine.run("systemctl", "start", name)
        self.ready(machine, "sluice-broker", 9090)
        self.ready(machine, "sluice-gateway", 9091)

    def test_purge_leaves_nothing(self):
        machine = self.machine()

        def everything():
            found = machine.run("find", "/", "-xdev", "(", "-path", "/proc", "-o", "-path", "/sys", "-o", "-path", "/packages*", "-o", "-path", "/root",
                                "-o", "-path", "/var/lib/dpkg/info", "-o", "-path", "/var/log/journal", ")", "-prune", "-o", "-iname", "*sluice*", "-print")
            return sorted(found.split()) + re.findall(r"(?m)^.*sluice.*$", machine.run("cat", "/etc/passwd", "/etc/group", "/etc/shadow"))
        before = everything()
        self.install(machine, *NAMES)
        self.keys(machine)
        self.configure(machine)
        machine.run("systemctl", "enable", "--now", "sluice-sandbox")
        for name in SERVICES:
            machine.run("systemctl", "start", name)
            self.ready(machine, name, 9090 if name == "sluice-broker" else 9091)
        self.assertNotEqual(everything(), before)
        machine.run("apt-get", "purge", "-y", *NAMES)
        self.assertEqual(everything(), before)
        self.assertNotIn("sluice", machine.run("dpkg-query", "-W", "-f", "${Package} ${Status}\n"))
        self.assertNotIn("sluice", machine.run("systemctl", "list-unit-files", "--no-pager"))

    def test_the_library_package_has_what_find_package_is_tested_with(self):
        # tests/outside/package compiles against such an install.
        run("cmake", "--install", ROOT / "build/release", "--component", "sluice", "--prefix", self.folder / "installed/usr")
        installed = {str(path.relative_to(self.folder / "installed")) for path in (self.folder / "installed").rglob("*") if path.is_file()}
        run("dpkg-deb", "--extract", deb("libsluice-dev"), self.folder / "library")
        packed = {str(path.relative_to(self.folder / "library")) for path in (self.folder / "library").rglob("*") if path.is_file()}
        self.assertIn("usr/lib/cmake/Sluice/SluiceConfig.cmake", installed)
        self.assertEqual({path for path in packed if not path.startswith("usr/share/doc/")}, {path for path in installed if not path.startswith("usr/share/doc/")})

    def test_libraries_come_by_depends_alone(self):
        machine = self.machine()
        self.install(machine, *NAMES)
        for name in NAMES:
            self.assertNotIn("not found", machine.run("ldd", f"/usr/bin/{name}"))
            needed = set(re.findall(r"=> (/\S+)", machine.run("ldd", f"/usr/bin/{name}")))
            self.assertTrue(needed)
        # Removing what only they asked for would take no library of theirs: it is all in Depends, and none of it more than is linked.
        depends = run("dpkg-deb", "--field", deb("sluice-broker"), "Depends")
        self.assertRegex(depends, r"libgrpc\+\+1\.51 \(>= ")
        self.assertRegex(depends, r"libssl3 \(>= ")
        self.assertNotIn("libgd3", depends)


if __name__ == "__main__":
    unittest.main()
