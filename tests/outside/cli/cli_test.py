"""The program `sluice` as a person uses it, against the real broker and sandbox. Standard library only."""
import base64
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

SLUICE = os.environ["SLUICE_BIN"] + "/sluice"


class CliTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.at = pathlib.Path(self.folder.name)
        with urllib.request.urlopen(os.environ["SLUICE_IDENTITY"] + "/token?subject=grace", timeout=10) as answer:
            (self.at / "jwt").write_bytes(answer.read())
        self.environment = {**os.environ, "SLUICE_JWT_FILE": str(self.at / "jwt"), "HOME": self.folder.name}
        self.environment.pop("XDG_CONFIG_HOME", None)

    def sluice(self, *arguments, **environment):
        return subprocess.run([SLUICE, *map(str, arguments)], env={**self.environment, **environment}, cwd=self.at,
                              capture_output=True, text=True, timeout=120, check=False)

    def test_token_as_json_and_as_lines_for_a_shell(self):
        token = json.loads(self.sluice("token", "--path", "a/", "--operations", "UPLOAD,LIST", "--ttl", "15m").stdout)
        self.assertEqual(token["scope"]["prefix"], "uploads/grace/a/")
        self.assertEqual(token["scope"]["operations"], ["OPERATION_UPLOAD", "OPERATION_LIST"])
        lines = self.sluice("token", "--format", "env").stdout
        shown = subprocess.run(["sh", "-c", lines + 'echo "$SLUICE_PREFIX $OSS_ACCESS_KEY_ID"'], capture_output=True, text=True,
                               check=True).stdout
        self.assertRegex(shown, r"^uploads/grace/ STS\.")

    def test_files_go_up_and_come_back_whatever_their_size(self):
        for size in (0, 1, 8 * 1024 * 1024, 8 * 1024 * 1024 + 1, 20 * 1024 * 1024 + 12345):
            with self.subTest(size=size):
                (self.at / "from.bin").write_bytes(os.urandom(size))
                up = self.sluice("--output", "json", "upload", "from.bin", "--to", f"dir/{size}.bin")
                self.assertEqual(up.returncode, 0, up.stderr)
                stored = json.loads(up.stdout)
                self.assertEqual((stored["key"], stored["sizeBytes"]), (f"uploads/grace/dir/{size}.bin", size))
                down = self.sluice("download", f"dir/{size}.bin", "-o", "to.bin", "--force")
                self.assertEqual(down.returncode, 0, down.stderr)
                self.assertEqual((self.at / "to.bin").read_bytes(), (self.at / "from.bin").read_bytes())

    def through_gateway(self, *arguments):
        if not (self.at / "gateway-jwt").exists():
            with urllib.request.urlopen(os.environ["SLUICE_IDENTITY"] + "/token?subject=grace&audience=sluice-gateway", timeout=10) as answer:
                (self.at / "gateway-jwt").write_bytes(answer.read())
        return (["--gateway-jwt-file", "gateway-jwt", *arguments, "--via", "gateway"])

    def start(self, *arguments):
        return subprocess.Popen([SLUICE, *map(str, arguments)], env=self.environment, cwd=self.at, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)

    def faults(self, query, method="POST"):
        address = os.environ["SLUICE_SANDBOX_ADMIN"] + "/faults" + ("?" + query if query else "")
        urllib.request.urlopen(urllib.request.Request(address, method=method, data=b"" if method == "POST" else None), timeout=10).close()

    def parts_of(self, key):
        with urllib.request.urlopen(os.environ["SLUICE_SANDBOX_ADMIN"] + "/stats?key=" + key, timeout=10) as answer:
            return json.load(answer)["oss"].get("part", {"calls": 0, "bytes_in": 0})

    def await_parts(self, key, running, parts):
        for _ in range(2000):
            if self.parts_of(key)["calls"] >= parts:
                return
            self.assertIsNone(running.poll(), "the upload ended before it was cut")
            time.sleep(0.01)
        self.fail("no parts came")

    def test_files_go_through_the_gateway_whatever_their_size(self):
        for size in (0, 1, 4 * 1024 * 1024 + 1, 1024 * 1024 * 1024):
            with self.subTest(size=size):
                piece = os.urandom(1024 * 1024 + 1)
                with open(self.at / "from.bin", "wb") as file:
                    for at in range(0, size, len(piece)):
                        file.write(piece[:size - at])
                up = self.sluice("--output", "json", "upload", "from.bin", "--to", f"gateway/{size}.bin", *self.through_gateway())
                self.assertEqual(up.returncode, 0, up.stderr)
                stored = json.loads(up.stdout)
                self.assertEqual((stored["key"], stored["sizeBytes"], stored["wholeObjectVerified"]), (f"uploads/grace/gateway/{size}.bin", size, True))
                down = self.sluice("download", f"gateway/{size}.bin", "-o", "to.bin", "--force")
                self.assertEqual(down.returncode, 0, down.stderr)
                self.assertEqual(subprocess.run(["cmp", "from.bin", "to.bin"], cwd=self.at, check=False).returncode, 0)

    def test_an_upload_through_the_gateway_goes_on_after_ctrl_c(self):
        size, key = 40 * 1024 * 1024, "uploads/grace/cut.bin"
        (self.at / "cut.bin").write_bytes(os.urandom(size))
        self.faults("service=oss&operation=part&kind=latency&value=200ms&for=60s")
        running = self.start("upload", "cut.bin", *self.through_gateway())
        self.await_parts(key, running, 6)
        running.send_signal(signal.SIGINT)
        _, says = running.communicate(timeout=30)
        self.assertEqual(running.returncode, 130)
        self.assertIn("the same command goes on from here", says)
        before = self.parts_of(key)["bytes_in"]
        again = self.sluice("upload", "cut.bin", *self.through_gateway())
        self.faults("service=oss&kind=latency", "DELETE")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertRegex(again.stderr, r"going on at [1-9][0-9]* %")
        self.assertLess(self.parts_of(key)["bytes_in"] - before, size)
        self.assertEqual(self.sluice("download", "cut.bin", "-o", "to.bin").returncode, 0)
        self.assertEqual((self.at / "to.bin").read_bytes(), (self.at / "cut.bin").read_bytes())
        self.assertEqual(list((self.at / ".local/state/sluice").iterdir()), [])

    def test_an_upload_goes_on_by_itself_when_its_gateway_is_killed_and_comes_back(self):
        run = pathlib.Path(os.environ["SLUICE_RUN"])
        size, key = 40 * 1024 * 1024, "uploads/grace/restart.bin"
        (self.at / "restart.bin").write_bytes(os.urandom(size))
        ports = self.at / "ports"

        def gateway(listen):
            ports.unlink(missing_ok=True)
            command = (f'. "{run}/gateway.env"; export SLUICE_LISTEN_GRPC={listen} SLUICE_LISTEN_HTTP=127.0.0.1:0 SLUICE_LISTEN_ADMIN=127.0.0.1:0 SLUICE_AUDIT_FILE="{self.at}/audit"; '
                       f'exec "$SLUICE_BIN/sluice-gateway" --config deploy/config/upload_gateway.sandbox.yaml --ports-file "{ports}"')
            process = subprocess.Popen(["bash", "-c", command], stderr=subprocess.DEVNULL)
            self.addCleanup(lambda: (process.kill(), process.wait()))
            while not ports.exists():
                self.assertIsNone(process.poll())
                time.sleep(0.01)
            return process, f"127.0.0.1:{json.loads(ports.read_text())['grpc']}"

        first, address = gateway("127.0.0.1:0")
        self.faults("service=oss&operation=part&kind=latency&value=200ms&for=60s")
        running = self.start("--gateway", address, "upload", "restart.bin", *self.through_gateway())
        self.await_parts(key, running, 6)
        first.kill()
        first.wait()
        gateway(address)
        said, says = running.communicate(timeout=60)
        self.faults("service=oss&kind=latency", "DELETE")
        self.assertEqual(running.returncode, 0, says)
        self.assertIn(f"{size} bytes through the gateway", said)
        self.assertLess(self.parts_of(key)["bytes_in"], 2 * size)
        self.assertEqual(self.sluice("download", "restart.bin", "-o", "to.bin").returncode, 0)
        self.assertEqual((self.at / "to.bin").read_bytes(), (self.at / "restart.bin").read_bytes())

    def test_what_the_gateway_refuses_is_told(self):
        (self.at / "f").write_text("x")
        wrong = ["--gateway-jwt-file", "jwt", "upload", "f", "--via", "gateway"]
        for arguments, code, says in (
                (wrong, 1, "TOKEN_REJECTED"),
                (["upload", "f", "--to", "../bob/f", *self.through_gateway()], 1, "PATH_INVALID"),
                (["upload", "f", "--grant", "absent", *self.through_gateway()], 1, "GRANT"),
                (["--gateway", "gateway.example.com:50052", "upload", "f", *self.through_gateway()], 2, "https://")):
            with self.subTest(arguments=arguments):
                result = self.sluice(*arguments)
                self.assertEqual(result.returncode, code, result.stderr)
                self.assertIn(says, result.stderr)
        self.assertEqual(self.sluice("upload", "f", *self.through_gateway()).returncode, 0)
        again = self.sluice("upload", "f", "--no-overwrite", *self.through_gateway())
        self.assertEqual(again.returncode, 1)
        self.assertIn("OBJECT_EXISTS", again.stderr)

    def test_refusals_and_usage_have_their_exit_codes(self):
        (self.at / "f").write_text("x")
        for arguments, code, says in (
                (("token", "--operations", "DELETE"), 1, "SCOPE_NOT_GRANTED"),
                (("token", "--path", "../bob/"), 1, "PATH_INVALID"),
                (("token", "--ttl", "soon"), 2, "USAGE"),
                (("token", "--operations", "WRITE"), 2, "USAGE"),
                (("upload", "absent"), 2, "USAGE"),
                (("upload", "f", "--via", "pigeon"), 2, "via"),
                (("download", "absent"), 1, "OSS_NOT_FOUND"),
                (("download", "f", "-o", "f"), 2, "force"),
                ((), 2, "subcommand"),
                (("fly",), 2, ""),
                (("--jwt-file", "absent", "token"), 2, "JWT_UNREADABLE"),
                (("--broker", "broker.example.com:1", "token"), 2, "https://")):
            with self.subTest(arguments=arguments):
                result = self.sluice(*arguments)
                self.assertEqual(result.returncode, code, result.stderr)
                self.assertIn(says, result.stderr + result.stdout)

    def test_a_broker_that_is_not_there_is_try_later(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            result = self.sluice("token", SLUICE_BROKER=f"127.0.0.1:{free.getsockname()[1]}")
        self.assertEqual(result.returncode, 75)
        self.assertIn("BROKER_UNREACHABLE", result.stderr)

    def test_explain_answers_in_words_and_exit_code(self):
        allowed = self.sluice("explain", "UPLOAD", "cat.jpg")
        self.assertEqual(allowed.returncode, 0, allowed.stderr)
        self.assertIn("uploads/grace/cat.jpg", allowed.stdout)
        refused = self.sluice("explain", "DELETE", "cat.jpg")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("SCOPE_NOT_GRANTED", refused.stdout)

    def test_no_overwrite_is_kept_by_oss(self):
        (self.at / "f").write_text("x")
        self.assertEqual(self.sluice("upload", "f", "--to", "once", "--no-overwrite").returncode, 0)
        again = self.sluice("upload", "f", "--to", "once", "--no-overwrite")
        self.assertEqual(again.returncode, 1)
        self.assertIn("OSS_CONFLICT", again.stderr)

    def test_ctrl_c_ends_with_130(self):
        # A listener that never answers, so that the call is under way when the signal comes.
        with socket.create_server(("127.0.0.1", 0)) as silent:
            running = subprocess.Popen([SLUICE, "token"], stderr=subprocess.PIPE,
                                       env={**self.environment, "SLUICE_BROKER": f"127.0.0.1:{silent.getsockname()[1]}"})
            connection, _ = silent.accept()
            running.send_signal(signal.SIGINT)
            self.assertEqual(running.wait(timeout=30), 130)
            connection.close()
            running.stderr.close()

    def test_the_config_file_is_the_last_word_and_its_mistakes_have_a_place(self):
        (self.at / ".config" / "sluice").mkdir(parents=True)
        config = self.at / ".config" / "sluice" / "config.yaml"
        config.write_text(f"broker: {os.environ['SLUICE_BROKER']}\n")
        self.assertEqual(self.sluice("token", SLUICE_BROKER="").returncode, 0)
        config.write_text("brokr: x\n")
        wrong = self.sluice("token", SLUICE_BROKER="")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("config.yaml:1:", wrong.stderr)

    def test_programs_show_no_secret_in_help_logs_or_audit(self):
        token = json.loads(self.sluice("token").stdout)
        secrets = [token["credentials"]["accessKeySecret"], token["credentials"]["securityToken"],
                   (self.at / "jwt").read_text().strip(), "sandbox-broker-secret"]
        seen = ""
        for program in ("sluice", "sluice-broker", "sluice-sandbox"):
            seen += subprocess.run([os.environ["SLUICE_BIN"] + "/" + program, "--help"], capture_output=True, text=True,
                                   env={**self.environment, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "sandbox-broker-secret"}, check=True).stdout
        for name in ("broker.log", "sandbox.log", "audit.jsonl"):
            seen += (pathlib.Path(os.environ["SLUICE_RUN"]) / name).read_text()
        self.assertIn('"subject":"grace"', seen)
        for secret in secrets:
            self.assertNotIn(secret, seen)
        self.assertFalse(re.search(r"eyJ[A-Za-z0-9_-]{20,}", seen))

    def test_the_broker_says_what_is_wrong_with_its_config_and_key(self):
        broker = os.environ["SLUICE_BIN"] + "/sluice-broker"
        sample = (pathlib.Path(__file__).resolve().parents[3] / "deploy" / "config" / "token_broker.yaml").read_text()
        self.assertIn("/run/secrets/ticket-k1.pem", sample)
        good = self.at / "good.yaml"
        good.write_text(sample.replace("/run/secrets/ticket-k1.pem", str(self.at / "k1.pem")))
        # An Ed25519 key is its 32 bytes behind a fixed header (RFC 8410).
        der = bytes.fromhex("302e020100300506032b657004220420") + os.urandom(32)
        (self.at / "k1.pem").write_text(f"-----BEGIN PRIVATE KEY-----\n{base64.b64encode(der).decode()}\n-----END PRIVATE KEY-----\n")
        clean = {k: v for k, v in self.environment.items() if not k.startswith("ALIBABA")}
        clean["ALIBABA_CLOUD_ECS_METADATA_DISABLED"] = "true"  # this machine may be an instance
        run = lambda *a: subprocess.run([broker, *map(str, a)], env=clean, capture_output=True, text=True, timeout=30, check=False)
        checked = run("--config", good, "--check")
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertIn("worst-case policy", checked.stdout)
        (self.at / "bad.yaml").write_text(good.read_text().replace("region: cn-hangzhou\naudit", "regoin: cn-hangzhou\naudit"))
        wrong = run("--config", self.at / "bad.yaml", "--check")
        self.assertEqual(wrong.returncode, 2)
        self.assertRegex(wrong.stderr, r"bad\.yaml:\d+:\d+: sts\.regoin: unknown field")
        self.assertEqual(run().returncode, 2)
        keyless = run("--config", good)
        self.assertEqual(keyless.returncode, 2)
        self.assertIn("ALIBABA_CLOUD_ACCESS_KEY_ID", keyless.stderr)

    def mint(self, subject, name, claims=""):
        with urllib.request.urlopen(f"{os.environ['SLUICE_IDENTITY']}/token?subject={subject}{claims}", timeout=10) as answer:
            (self.at / name).write_bytes(answer.read())
        return str(self.at / name)

    def test_a_signed_url_is_used_by_anything_with_http(self):
        (self.at / "f").write_text("by url")
        self.assertEqual(self.sluice("upload", "f").returncode, 0)
        signed = self.sluice("sign-url", "f")
        self.assertEqual(signed.returncode, 0, signed.stderr)
        with urllib.request.urlopen(signed.stdout.strip(), timeout=10) as answer:
            self.assertEqual(answer.read(), b"by url")
        put = json.loads(self.sluice("--output", "json", "sign-url", "g", "--method", "PUT", "--content-type", "text/plain",
                                     "--content-length", "3").stdout)["urls"][0]
        request = urllib.request.Request(put["url"], data=b"abc", method="PUT", headers=put["headers"])
        with urllib.request.urlopen(request, timeout=10) as answer:
            self.assertEqual(answer.status, 200)
        self.assertIn("PROCESS_INVALID", self.sluice("sign-url", "f", "--process", "image/evil").stderr)

    def doctor(self, *arguments, **environment):
        root = pathlib.Path(__file__).resolve().parents[3]
        # As the README says it: with the environment that the broker itself was started with.
        shown = subprocess.run(["bash", "-c", f". '{os.environ['SLUICE_RUN']}/broker.env' && env -0"], check=True, capture_output=True,
                               text=True, env={}).stdout
        broker = dict(line.split("=", 1) for line in shown.split("\0") if line.startswith(("SLUICE_", "ALIBABA_")))
        return self.sluice(*arguments, "doctor", "--config", root / "deploy/config/token_broker.sandbox.yaml",
                           **{**broker, "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true", **environment})

    def test_doctor_finds_the_demo_healthy_and_what_is_not(self):
        healthy = self.doctor()
        self.assertEqual(healthy.returncode, 0, healthy.stdout + healthy.stderr)
        self.assertRegex(healthy.stdout, r"(?m)^ok      trust      acs:ram::1000000000000001:role/sluice-uploader: ")
        self.assertRegex(healthy.stdout, r"(?m)^ok      canary     photos: put, got and deleted sluice-demo/uploads/\.sluice-doctor/")
        self.assertIn(" 0 failed", healthy.stdout)
        self.assertEqual(healthy.stderr, "")
        report = json.loads(self.doctor("--output", "json").stdout)
        self.assertTrue(report["healthy"])
        self.assertEqual({one["check"] for one in report["findings"]},
                         {"key", "sts", "clock", "trust", "life", "ceiling", "canary", "public-acl", "symlink", "reach"})
        wrong = self.doctor(ALIBABA_CLOUD_ACCESS_KEY_SECRET="not-the-secret")
        self.assertEqual(wrong.returncode, 1)
        self.assertRegex(wrong.stdout, r"(?m)^failed  sts .*does not belong to its key")
        keyless = self.doctor(ALIBABA_CLOUD_ACCESS_KEY_ID="", ALIBABA_CLOUD_ACCESS_KEY_SECRET="")
        self.assertEqual(keyless.returncode, 1)
        self.assertRegex(keyless.stdout, r"(?m)^failed  key .*CREDENTIALS_MISSING")
        self.assertEqual(self.sluice("doctor", "--config", "absent.yaml").returncode, 2)
        self.assertEqual(self.sluice("doctor").returncode, 2)
        for output in (healthy.stdout, wrong.stdout, keyless.stdout):
            self.assertFalse(re.search("sandbox-broker-secret|not-the-secret|CAIS", output))

    def test_plan_grants_ticket_and_why(self):
        plan = json.loads(self.sluice("plan", "big.bin", "--size", "5GiB").stdout)
        self.assertEqual((plan["form"], plan["partUrls"]["parts"]), ("UPLOAD_FORM_PART_URLS", 640))
        self.assertRegex(self.sluice("grants").stdout, r"^photos: sluice-demo/uploads/grace/ in cn-hangzhou, UPLOAD RESUME DOWNLOAD LIST")
        ticket = self.sluice("--output", "json", "ticket", "--path", "a/", "--ttl", "5m")
        self.assertEqual(ticket.returncode, 0, ticket.stderr)
        (self.at / "ticket").write_text(json.loads(ticket.stdout)["ticket"])
        token = json.loads(self.sluice("--ticket-file", "ticket", "token").stdout)
        self.assertEqual(token["scope"]["prefix"], "uploads/grace/a/")
        self.assertIn("SCOPE_NOT_GRANTED", self.sluice("--ticket-file", "ticket", "token", "--path", "b/").stderr)
        why = self.sluice("why", "STS_UNREACHABLE")
        self.assertIn("RetryInfo", why.stdout)
        self.assertEqual(self.sluice("why", "NOT_A_REASON").returncode, 2)

    def test_a_backend_asks_for_its_user_and_nobody_else_does(self):
        backend = self.mint("web", "backend", "&role=backend")
        asked = self.sluice("--jwt-file", backend, "--output", "json", "ticket", "--grant", "photos", "--subject", "hugo")
        self.assertEqual(asked.returncode, 0, asked.stderr)
        (self.at / "ticket").write_text(json.loads(asked.stdout)["ticket"])
        token = json.loads(self.sluice("--ticket-file", "ticket", "token").stdout)
        self.assertEqual(token["scope"]["prefix"], "uploads/hugo/")
        refused = self.sluice("ticket", "--subject", "hugo")
        self.assertEqual((refused.returncode, "DELEGATION_NOT_GRANTED" in refused.stderr), (1, True))

    def test_prove_counts_its_attempts_and_finds_no_exception(self):
        proof = self.sluice("--output", "json", "prove", "--as", "alice", "--against", "bob", "--grant", "editors", "--claim", "role=editor")
        self.assertEqual(proof.returncode, 0, proof.stdout + proof.stderr)
        counted = json.loads(proof.stdout)
        self.assertGreater(counted["attempts"], 4000)
        self.assertEqual(counted["exceptions"], [])


if __name__ == "__main__":
    unittest.main()
