#!/usr/bin/env python3
"""The images, and deploy/docker/compose.yaml: its services run from the built images with its own commands, environment, mounts and restrictions.

As root, after PREBUILT=1 deploy/docker/buildah.sh. No engine is needed: runc runs them, in a network of their own with nothing but loopback."""
import atexit
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import yaml

from machine import run, until

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "deploy/docker/compose.yaml"
BUILDAH = (ROOT / "deploy/docker/buildah.sh", "run")
IMAGES = ("token-broker", "upload-gateway", "sandbox")
# Of its base and of all that it adds; measured 158 to 190.
MEGABYTES = 220


def image_config(image):
    return json.loads(run(*BUILDAH, "inspect", "--type", "image", f"localhost/sluice/{image}"))["Docker"]["config"]


def container_of(image):
    """A container of the image, and where its files are mounted."""
    container = run(*BUILDAH, "from", "--pull-never", f"localhost/sluice/{image}").splitlines()[-1]
    return container, run(*BUILDAH, "mount", container).splitlines()[-1]


class Network:
    """A network namespace with loopback alone, in which the ports of compose.yaml are free whatever runs on this machine."""

    def __init__(self):
        self.holder = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity"],
                                       stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "up\n"
        self.path = f"/proc/{self.holder.pid}/ns/net"

    def run(self, *argv, **options):
        return run("nsenter", f"--net={self.path}", *argv, **options)

    def close(self):
        self.holder.kill()
        self.holder.communicate()


class Demo:
    """The services of a compose file, each a container of runc's; `docker compose up` for the few words that ours uses."""

    WORDS = {"image", "build", "command", "entrypoint", "environment", "volumes", "ports", "network_mode", "depends_on", "healthcheck", "read_only",
             "cap_drop", "security_opt", "pids_limit"}

    def __init__(self, folder, network):
        self.folder = folder
        self.network = network
        self.runc = ("runc", "--root", folder / "runc")
        self.services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
        self.running = {}
        self.roots = {}

    def image(self, name):
        return self.services[name]["image"].removeprefix("sluice/")

    def root(self, name):
        """The files of a service's image, mounted."""
        image = self.image(name)
        if image not in self.roots:
            self.roots[image] = container_of(image)
        return self.roots[image][1]

    def mount(self, name, volume):
        source, inside, *mode = volume.split(":")
        if source.startswith("."):
            source = (COMPOSE.parent / source).resolve()
        else:
            # A named volume begins as the image's own folder, with its owner.
            source, named = self.folder / f"volume-{source}", source
            if not source.exists():
                shutil.copytree(f"{self.root(name)}{inside}", source)
                owner = os.stat(f"{self.root(name)}{inside}")
                os.chown(source, owner.st_uid, owner.st_gid)
        return {"destination": inside, "type": "bind", "source": str(source), "options": ["rbind", "nosuid", "nodev", *(mode or ["rw"])]}

    def bundle(self, name):
        service = self.services[name]
        unknown = set(service) - self.WORDS
        assert not unknown, f"{name}: this test does not know {unknown}"
        config = image_config(self.image(name))
        argv = [*service.get("entrypoint", config["Entrypoint"]), *service.get("command", [] if "entrypoint" in service else config["Cmd"])]
        environment = dict(line.split("=", 1) for line in config["Env"]) | {key: str(value) for key, value in service.get("environment", {}).items()}
        user, _, group = config["User"].partition(":")
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "config.json").unlink(missing_ok=True)
        run("runc", "spec", "--bundle", folder)
        spec = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        spec["root"] = {"path": self.root(name), "readonly": service["read_only"]}
        process = spec["process"]
        process.update(terminal=False, args=[arg.replace("$$", "$") for arg in argv], env=[f"{key}={value}" for key, value in environment.items()],
                       user={"uid": int(user), "gid": int(group)}, noNewPrivileges="no-new-privileges:true" in service["security_opt"])
        if service["cap_drop"] == ["ALL"]:
            process["capabilities"] = {kind: [] for kind in ("bounding", "effective", "inheritable", "permitted", "ambient")}
        spec["mounts"] = [mount for mount in spec["mounts"] if mount["type"] != "cgroup"] + [self.mount(name, volume) for volume in service.get("volumes", [])]
        for namespace in spec["linux"]["namespaces"]:
            if namespace["type"] == "network" and service.get("network_mode") != "none":
                namespace["path"] = self.network.path
        spec["linux"].pop("resources", None)
        (folder / "config.json").write_text(json.dumps(spec), encoding="utf-8")
        return folder

    def up(self):
        """All services, in the order that `depends_on` asks for and not before its conditions hold."""
        waiting = list(self.services)
        while waiting:
            name = next(name for name in waiting if not set(self.services[name].get("depends_on", {})) & set(waiting))
            for other, how in self.services[name].get("depends_on", {}).items():
                self.wait_for(other, how["condition"])
            waiting.remove(name)
            self.start(name)
        self.wait_for("gateway", "service_healthy")

    def start(self, name):
        folder = self.bundle(name)
        with open(folder / "log", "w", encoding="utf-8") as log:
            self.running[name] = subprocess.Popen([*self.runc, "run", "--bundle", folder, self.container(name)], stdin=subprocess.DEVNULL,
                                                  stdout=log, stderr=subprocess.STDOUT)

    def stop(self, name):
        """Its exit code, after the signal that an engine sends."""
        run(*self.runc, "kill", self.container(name), "TERM")
        return self.running[name].wait(timeout=60)

    def container(self, name):
        return f"sluice-{os.getpid()}-{name}"

    def wait_for(self, name, condition):
        if condition == "service_completed_successfully":
            assert self.running[name].wait(timeout=60) == 0, f"{name} failed: {self.log(name)}"
        else:
            assert condition == "service_healthy", condition
            until(lambda: self.healthy(name) or self.running[name].poll() is not None, lambda: f"{name} is not healthy: {self.log(name)}", 60)
            assert self.running[name].poll() is None, f"{name} ended: {self.log(name)}"

    def healthy(self, name):
        check = image_config(self.image(name))["Healthcheck"]
        assert check["Test"][0] == "CMD"
        return self.inside(name, *check["Test"][1:], check=False).returncode == 0

    def inside(self, name, *argv, check=True):
        return run(*self.runc, "exec", self.container(name), *argv, check=check, timeout=60)

    def log(self, name):
        return (self.folder / name / "log").read_text(encoding="utf-8")

    def down(self):
        for name, process in reversed(self.running.items()):
            if process.poll() is None:
                run(*self.runc, "delete", "--force", self.container(name), check=False)
                process.wait(timeout=60)
        for container, _ in self.roots.values():
            run(*BUILDAH, "rm", container, check=False)


class Images(unittest.TestCase):
    def test_each_runs_as_a_user_of_a_number_and_says_what_it_is(self):
        for image in IMAGES:
            config = image_config(image)
            self.assertEqual(config["User"], "10001:10001", image)
            self.assertEqual(config["Healthcheck"]["Test"][:2], ["CMD", "healthcheck"], image)
            for label in ("title", "description", "licenses", "version", "revision"):
                self.assertTrue(config["Labels"][f"org.opencontainers.image.{label}"], f"{image} {label}")

    def test_each_is_small_and_has_nothing_to_build_with(self):
        for image in IMAGES:
            container, root = container_of(image)
            self.addCleanup(run, *BUILDAH, "rm", container)
            packages = set(re.findall(r"(?m)^Package: (\S+)", pathlib.Path(root, "var/lib/dpkg/status").read_text(encoding="utf-8")))
            self.assertFalse({"g++", "cmake", "systemd", "curl"} & packages, image)
            self.assertFalse([name for name in packages if name.endswith("-dev")], image)
            self.assertEqual(os.listdir(f"{root}/sluice") if os.path.exists(f"{root}/sluice") else [], [], "the sources are in the image")
            self.assertLess(int(run("du", "--summarize", "--block-size=1M", "--one-file-system", root).split()[0]), MEGABYTES, image)


class ComposeFile(unittest.TestCase):
    """What an engine would do with the file, done by runc."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        atexit.register(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.network = Network()
        atexit.register(cls.network.close)
        cls.demo = Demo(cls.folder, cls.network)
        atexit.register(cls.demo.down)  # also when the test is ended from outside
        cls.demo.up()
        password = re.search(r"password for minting.*: ([0-9a-f]+)", cls.demo.log("sandbox")).group(1)
        for audience in ("sluice", "sluice-gateway"):
            jwt = cls.network.run("curl", "-fsS", "-u", f"demo:{password}", f"http://127.0.0.1:9003/token?subject=alice&audience={audience}")
            (cls.folder / f"{audience}.jwt").write_text(jwt, encoding="ascii")
        cls.network.run("dd", "if=/dev/urandom", f"of={cls.folder}/file", "bs=1M", "count=9")

    def sluice(self, *argv):
        return self.network.run(ROOT / "build/release/bin/sluice", "--broker", "127.0.0.1:50051", "--jwt-file", self.folder / "sluice.jwt",
                                "--gateway", "127.0.0.1:50052", "--gateway-jwt-file", self.folder / "sluice-gateway.jwt", *argv, timeout=60)

    def test_a_file_goes_up_from_the_host_directly_and_through_the_gateway_and_comes_back(self):
        for via in ("direct", "gateway"):
            self.sluice("upload", self.folder / "file", "--to", f"by-{via}", "--via", via)
            self.sluice("download", f"by-{via}", "-o", self.folder / f"back-{via}")
            self.assertEqual((self.folder / f"back-{via}").read_bytes(), (self.folder / "file").read_bytes())

    def test_compose_itself_reads_the_file_as_this_test_does(self):
        # Debian's docker-compose, which needs no engine for this and is older than the file's `name`.
        text = re.sub(r"(?m)^name: .*\n", "", COMPOSE.read_text(encoding="utf-8"))
        read = yaml.safe_load(run("docker-compose", "--project-name", "sluice-demo", "--project-directory", COMPOSE.parent, "--file", "-", "config", input=text))
        self.assertEqual(set(read["services"]), set(self.demo.services))
        for name, service in self.demo.services.items():
            theirs = read["services"][name]
            for word in set(service) - {"build", "volumes", "ports", "healthcheck"}:
                self.assertEqual(theirs[word], service[word], f"{name} {word}")
            self.assertEqual([port.removesuffix("/tcp") for port in theirs.get("ports", [])], service.get("ports", []), name)
            self.assertEqual([volume.split(":")[1:2] for volume in theirs.get("volumes", [])], [volume.split(":")[1:2] for volume in service.get("volumes", [])])

    def test_every_service_is_hardened_and_every_port_is_of_this_machine_alone(self):
        for name, service in self.demo.services.items():
            self.assertTrue(service["read_only"], name)
            self.assertEqual((service["cap_drop"], service["security_opt"]), (["ALL"], ["no-new-privileges:true"]), name)
            for port in service.get("ports", []):
                self.assertRegex(port, r"^127\.0\.0\.1:(\d+):\1$")
        for name in ("sandbox", "broker", "gateway"):
            status = self.demo.inside(name, "cat", "/proc/1/status")
            facts = dict(re.findall(r"(?m)^(CapEff|CapBnd|NoNewPrivs|Uid):\s+(\w+)", status))
            self.assertEqual(facts, {"CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1", "Uid": "10001"}, name)
            self.assertIn("Read-only file system", self.demo.inside(name, "bash", "-c", "echo > /tmp/x", check=False).stdout)

    def test_a_published_port_is_one_that_listens_beyond_the_container(self):
        listening = self.network.run("ss", "-Hltn")
        for port in self.demo.services["sandbox"]["ports"]:
            self.assertRegex(listening, rf"(?m)\s(0\.0\.0\.0|\*|\[::\]):{port.rsplit(':', 1)[1]}\s")

    def test_the_audit_comes_on_standard_output_and_no_token_in_any_log(self):
        self.sluice("upload", self.folder / "file", "--to", "audited", "--via", "gateway")
        self.assertIn('"grant', self.demo.log("broker"))
        logs = "".join(self.demo.log(name) for name in self.demo.services)
        for audience in ("sluice", "sluice-gateway"):
            self.assertNotIn((self.folder / f"{audience}.jwt").read_text(encoding="ascii").strip(), logs)

    def test_the_health_check_fails_where_nobody_answers(self):
        self.assertNotEqual(self.demo.inside("broker", "healthcheck", "9099", "/readyz", check=False).returncode, 0)
        self.assertNotEqual(self.demo.inside("broker", "healthcheck", "9090", "/nothing", check=False).returncode, 0)

    def test_the_broker_image_has_the_doctor(self):
        said = self.demo.inside("broker", "sluice", "doctor", "--config", "/config/token_broker.sandbox.yaml")
        self.assertIn("0 failed", said)

    def test_a_service_ends_by_itself_when_it_is_told_to_and_comes_back(self):
        began = time.monotonic()
        self.assertEqual(self.demo.stop("gateway"), 0)
        self.assertLess(time.monotonic() - began, 30)
        self.assertIn('"stopped"', self.demo.log("gateway"))
        self.demo.start("gateway")
        self.demo.wait_for("gateway", "service_healthy")
        self.sluice("upload", self.folder / "file", "--to", "after", "--via", "gateway")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    unittest.main()
