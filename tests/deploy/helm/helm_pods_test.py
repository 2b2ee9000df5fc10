"""Starts the pods of the chart as rendered, asks their probes, and uses them: tokens, uploads, renewed certificates, an end within the grace
period. As root, since each pod gets a root and a network of its own."""
import base64
import hashlib
import http.client
import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

import authority
import chart
import ingress
import pods
from chart import find, of_kind, render

BIN = pathlib.Path(os.environ.get("SLUICE_BIN", chart.ROOT / "build/release/bin")).resolve()
ENVOY = next((chart.FETCHED / "python").glob("lib/python3*/site-packages/envoy/_bin/envoy"))
IMAGES = {"/usr/bin/sluice-broker": BIN / "sluice-broker", "/usr/bin/sluice-gateway": BIN / "sluice-gateway",
          "/usr/bin/sluice-sandbox": BIN / "sluice-sandbox", "/usr/bin/sluice": BIN / "sluice", "/usr/local/bin/envoy": ENVOY}
PUBLIC = "sluice.example.com"


class Cluster(unittest.TestCase):
    """Pods of one release on one node."""

    @classmethod
    def setUpClass(cls):
        cls.node = pods.Node(IMAGES)
        cls.addClassCleanup(cls.node.end)
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.secrets = {}

    @classmethod
    def start(cls, name):
        return cls.node.start(find(cls.rendered, "Deployment", f"sluice-{name}"), cls.rendered, cls.secrets, cls.service_account_token)

    @classmethod
    def start_sandbox(cls):
        cls.sandbox = cls.start("sandbox").await_ready()
        cls.password = pods.until("the sandbox's password", 5, lambda: re.search(r"minting .*: ([0-9a-f]+)$", cls.sandbox.text(), re.M))[1]

    @classmethod
    def sandbox_call(cls, port, path, method="GET"):
        request = urllib.request.Request(f"http://{cls.sandbox.ip}:{cls.sandbox.port(port)}{path}", method=method)
        request.add_header("Authorization", "Basic " + base64.b64encode(f"demo:{cls.password}".encode()).decode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    @classmethod
    def mint(cls, subject, audience):
        return cls.sandbox_call("identity", "/token?" + urllib.parse.urlencode({"subject": subject, "audience": audience})).strip()

    @classmethod
    def service_account_token(cls, audience, account):
        return cls.mint(account, audience)

    def jwt_files(self, subject):
        """Files with JWTs for the broker and for the gateway."""
        out = []
        for audience in ("sluice", "sluice-gateway"):
            out.append(self.folder / f"{subject}-{audience}.jwt")
            out[-1].write_text(self.mint(subject, audience))
        return out

    def picture(self, size):
        path = self.folder / f"{size}.bin"
        path.write_bytes(os.urandom(1 << 16) * (size >> 16))
        return path

    def sluice(self, *args, subject="alice", **environment):
        broker_jwt, gateway_jwt = self.jwt_files(subject)
        return subprocess.run([BIN / "sluice", "--jwt-file", broker_jwt, "--gateway-jwt-file", gateway_jwt, "--allow-http", *map(str, args)],
                              capture_output=True, text=True, timeout=120, env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **environment})

    def assert_round_trip(self, file, name, **environment):
        """Up through the gateway, back from OSS with a token of the broker's: the same bytes."""
        up = self.sluice("upload", file, "--to", name, "--via", "gateway", **environment)
        self.assertEqual(up.returncode, 0, up.stderr + up.stdout)
        self.assert_stored(file, name, **environment)

    def assert_stored(self, file, name, **environment):
        back = self.folder / "back"
        down = self.sluice("download", name, "-o", back, "--force", **environment)
        self.assertEqual(down.returncode, 0, down.stderr + down.stdout)
        self.assertEqual(hashlib.sha256(back.read_bytes()).digest(), hashlib.sha256(file.read_bytes()).digest())

    def assert_ends_well(self, pod):
        code, took = pod.terminate()
        self.assertEqual(code, 0, pod.text()[-2000:])
        self.assertLess(took, pod.template["spec"]["terminationGracePeriodSeconds"])
        return took


class Development(Cluster):
    """kind/dev.yaml: the sandbox and one replica of each, nothing prepared before."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rendered = render("kind/dev")
        cls.node.services = of_kind(cls.rendered, "Service")
        cls.secrets = {one["metadata"]["name"]: {name: text.encode() for name, text in one["stringData"].items()}
                       for one in of_kind(cls.rendered, "Secret")}
        cls.start_sandbox()
        cls.broker = cls.start("broker").await_ready()
        cls.gateway = cls.start("gateway").await_ready()

    def test_a_token_and_an_upload_through_forwarded_ports(self):
        environment = {"SLUICE_BROKER": self.broker.forward("grpc"), "SLUICE_GATEWAY": self.gateway.forward("grpc")}
        token = self.sluice("--output", "json", "token", **environment)
        self.assertEqual(token.returncode, 0, token.stderr)
        self.assertIn("uploads/alice/", token.stdout)
        self.assert_round_trip(self.picture(3 << 20), "a/cat.bin", **environment)

    def test_the_address_that_stock_sdks_call_gives_a_token(self):
        status, body = self.broker.get("http", "/get_sts_token", Authorization=f"Bearer {self.mint('bob', 'sluice')}")
        self.assertEqual((status, json.loads(body)["StatusCode"]), (200, 200))
        self.assertEqual(json.loads(self.broker.get("http", "/get_sts_token")[1])["ErrorCode"], "TOKEN_MISSING")

    def test_the_doctor_finds_the_release_healthy(self):
        said = self.broker.execute("sluice", "doctor", "--config", "/etc/sluice/config/broker.yaml")
        self.assertRegex(said, r"\d+ checks: \d+ ok, \d+ warnings?, 0 failed")

    def test_whom_the_kill_switch_names_is_shut_out_without_a_restart(self):
        def answer():
            return json.loads(self.broker.get("http", "/get_sts_token", Authorization=f"Bearer {mallory}")[1])
        mallory = self.mint("mallory", "sluice")
        self.assertEqual(answer()["StatusCode"], 200)
        self.broker.write("deny", {"deny.yaml": b"subjects: [{provider: sandbox, subject: mallory}]\n"}, 0o644)
        pods.until("mallory is shut out", 5, lambda: answer().get("ErrorCode") == "SUBJECT_DENIED")
        self.broker.write("deny", {"deny.yaml": b"{}\n"}, 0o644)
        pods.until("mallory is let in", 5, lambda: answer()["StatusCode"] == 200)

    def test_the_root_is_read_only_and_the_user_nobody_much(self):
        for pod in (self.broker, self.gateway, self.sandbox):
            status = pathlib.Path(f"/proc/{pod.process.pid}/status").read_text()
            self.assertRegex(status, r"Uid:\s+10001\s+10001\s+10001\s+10001\n")
            self.assertRegex(status, r"CapEff:\s+0{16}\n")
            self.assertRegex(status, r"CapBnd:\s+0{16}\n")
            self.assertRegex(status, r"NoNewPrivs:\s+1\n")
            mounts = pathlib.Path(f"/proc/{pod.process.pid}/mounts").read_text()
            self.assertRegex(mounts, r"(?m)^overlay \S*/root overlay ro,|^overlay / overlay ro,")

    def test_what_the_pods_print_is_lines_of_json_without_secrets(self):
        text = self.broker.text() + self.gateway.text()
        self.assertIn('"ready"', text)
        for secret in ("sandbox-broker-secret", "PRIVATE KEY", "eyJ"):
            self.assertNotIn(secret, text)

    def test_zz_each_ends_within_its_grace_period(self):
        for pod in (self.gateway, self.broker, self.sandbox):
            self.assert_ends_well(pod)


class Production(Cluster):
    """production.yaml on the sandbox: two replicas of each behind Envoy, TLS everywhere, the broker's key by RRSA."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rendered = render("production", more=["-f", pathlib.Path(__file__).with_name("on_sandbox.yaml")])
        cls.node.services = of_kind(cls.rendered, "Service")
        cls.private, cls.public = authority.Authority("sluice-ca"), authority.Authority("public")
        cls.addClassCleanup(cls.private.end)
        cls.addClassCleanup(cls.public.end)
        cls.secrets = {**authority.issue_all(cls.rendered, cls.private, cls.public),
                       "sluice-ticket-keys": {f"{one}.pem": authority.ticket_key() for one in ("k1", "k2")},
                       "sluice-upload-keys": {one: authority.upload_key() for one in ("k1", "k2")}}
        cls.start_sandbox()
        cls.brokers = [cls.start("broker") for _ in range(2)]
        for broker in cls.brokers:
            broker.await_ready()
        cls.gateways = [cls.start("gateway") for _ in range(2)]
        cls.proxy = cls.start("proxy")
        for pod in (*cls.gateways, cls.proxy):
            pod.await_ready()
        cls.node.names[PUBLIC] = cls.proxy.ip
        cls.node.publish()
        address = f"https://{PUBLIC}:{cls.proxy.port('https')}"
        cls.environment = {"SLUICE_BROKER": address, "SLUICE_GATEWAY": address, "SLUICE_CA": str(cls.public.certificate)}
        cls.address = address

    def ask(self, path, **headers):
        context = ssl.create_default_context(cafile=self.public.certificate)
        with urllib.request.urlopen(urllib.request.Request(self.address + path, headers=headers), timeout=10, context=context) as answer:
            return json.loads(answer.read())

    def serial(self, host, port, ca):
        """What a TLS listener shows to a new connection."""
        shown = subprocess.run(["openssl", "s_client", "-connect", f"{host}:{port}", "-CAfile", ca, "-verify_return_error"], input="", text=True,
                               capture_output=True, timeout=10)
        return subprocess.run(["openssl", "x509", "-noout", "-serial"], input=shown.stdout, text=True, capture_output=True).stdout

    def calls(self, broker):
        """How many tokens a replica was asked for."""
        return self.metric(broker, r'sluice_requests_total\{.*method="IssueToken"')

    def metric(self, pod, pattern):
        """The sum of all series that begin so."""
        return sum(float(line.rsplit(" ", 1)[1]) for line in pod.get("admin", "/metrics")[1].splitlines() if re.match(pattern, line))

    def stored(self, gateway):
        return self.metric(gateway, "sluice_upload_stored_bytes_total")

    def streams(self, gateway):
        return self.metric(gateway, "sluice_upload_streams")

    def test_a_token_and_an_upload_through_envoy(self):
        token = self.sluice("--output", "json", "token", **self.environment)
        self.assertEqual(token.returncode, 0, token.stderr)
        self.assert_round_trip(self.picture(20 << 20), "a/large.bin", **self.environment)

    def test_a_tus_upload_through_envoy(self):
        file = self.picture(6 << 20)
        connection = http.client.HTTPSConnection(PUBLIC, self.proxy.port("https"), timeout=60, context=ssl.create_default_context(cafile=self.public.certificate))
        self.addCleanup(connection.close)

        def tus(method, path, body=None, **headers):
            connection.request(method, path, body, {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {self.mint('alice', 'sluice-gateway')}", **headers})
            answer = connection.getresponse()
            answer.read()
            return answer
        created = tus("POST", "/files/", **{"Upload-Length": str(file.stat().st_size), "Upload-Metadata": "path " + base64.b64encode(b"tus.bin").decode()})
        self.assertEqual(created.status, 201)
        sent = tus("PATCH", created.headers["Location"], file.read_bytes(), **{"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"})
        self.assertEqual((sent.status, sent.headers["Upload-Offset"]), (204, str(file.stat().st_size)))
        self.assert_stored(file, "tus.bin", **self.environment)

    def test_the_broker_has_its_key_from_the_projected_token(self):
        text = self.brokers[0].text()
        self.assertFalse([line for line in text.splitlines() if "own_key_failed" in line])
        said = self.brokers[0].execute("sluice", "doctor", "--config", "/etc/sluice/config/broker.yaml")
        self.assertRegex(said, r"(?m)^ok +key +oidc ")

    def test_one_route_leads_to_one_replica_and_many_to_both(self):
        bearer = f"Bearer {self.mint('carol', 'sluice')}"
        def ask(route):
            before = [self.calls(broker) for broker in self.brokers]
            self.assertEqual(self.ask("/get_sts_token", Authorization=bearer, **{"x-sluice-route": route})["StatusCode"], 200)
            return [now - then for now, then in zip(map(self.calls, self.brokers), before)].index(1)
        self.assertEqual(len({ask("tenant-a/carol") for _ in range(8)}), 1)
        self.assertEqual({ask(f"tenant-a/{number}") for number in range(16)}, {0, 1})

    def test_a_gateway_is_known_by_its_certificate_alone(self):
        broker_jwt, gateway_jwt = self.jwt_files("eve")
        environment = {"SLUICE_BROKER": "https://sluice-broker-pods.sluice.svc.cluster.local:50053", "SLUICE_CA": str(self.private.certificate)}
        refused = subprocess.run([BIN / "sluice", "--jwt-file", gateway_jwt, "ticket"], capture_output=True, text=True, timeout=30, env=environment)
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertIn("TOKEN_REJECTED", refused.stderr)

    def begin_upload(self, subject, environment=None):
        """A long upload, its process, and the gateway that has it; through Envoy, unless told otherwise."""
        file = self.picture(48 << 20)
        # Slow parts, so that there is a middle to be in.
        self.sandbox_call("admin", "/faults?service=oss&kind=latency&value=1s&operation=part", method="POST")
        self.addCleanup(self.sandbox_call, "admin", "/faults", method="DELETE")
        broker_jwt, gateway_jwt = self.jwt_files(subject)
        upload = subprocess.Popen([BIN / "sluice", "--jwt-file", broker_jwt, "--gateway-jwt-file", gateway_jwt, "--allow-http", "upload", file,
                                   "--to", "rolled.bin", "--via", "gateway"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **(environment or self.environment)})
        before = {pod: self.stored(pod) for pod in self.gateways}
        gateway = pods.until("a gateway has stored some of it", 60,
                             lambda: [pod for pod in self.gateways if self.stored(pod) > before[pod] and self.streams(pod) == 1])[0]
        return file, upload, gateway

    def end_upload(self, file, upload, subject, environment=None):
        said, _ = upload.communicate(timeout=120)
        self.assertEqual(upload.returncode, 0, said)
        self.assert_stored(file, "rolled.bin", subject=subject, **(environment or self.environment))

    def test_an_upload_goes_on_when_its_gateway_is_rolled(self):
        file, upload, old = self.begin_upload("dave")
        self.gateways.append(self.start("gateway").await_ready())
        self.gateways.remove(old)
        self.assertIsNone(upload.poll(), "the upload was over before the rollout")
        self.assert_ends_well(old)
        self.end_upload(file, upload, "dave")
        self.assertIn('"draining"', old.text())

    def test_an_upload_goes_on_when_envoy_is_rolled(self):
        file, upload, _ = self.begin_upload("frank")
        old, fresh = self.proxy, self.start("proxy").await_ready()
        self.node.names[PUBLIC] = fresh.ip
        self.node.publish()
        type(self).proxy = fresh
        self.assertIsNone(upload.poll(), "the upload was over before the rollout")
        self.assert_ends_well(old)
        self.end_upload(file, upload, "frank")

    def endpoints(self, service, port):
        of = {"sluice-broker": self.brokers, "sluice-gateway": self.gateways}[service]
        return [f"{pod.ip}:{pod.port(port)}" for pod in of]

    def behind_ingress(self, change=lambda objects: objects):
        """The environment of a client whose requests go through nginx as the example of ingress-nginx configures it."""
        objects = change(chart.objects((chart.ROOT / "deploy/helm/examples/ingress-nginx.yaml").read_text()))
        folder = self.enterContext(tempfile.TemporaryDirectory())
        controller = ingress.Controller(objects, self.endpoints, 9443, self.secrets["sluice-proxy-tls"], folder)
        self.addCleanup(controller.end)
        self.node.names[PUBLIC] = f"{pods.NETWORK}.1"
        self.node.publish()
        self.addCleanup(self.node.publish)
        self.addCleanup(self.node.names.update, {PUBLIC: self.proxy.ip})
        return {**self.environment, **{name: f"https://{PUBLIC}:9443" for name in ("SLUICE_BROKER", "SLUICE_GATEWAY")}}

    def resumed(self):
        return sum(self.metric(gateway, "sluice_upload_resumed_total") for gateway in self.gateways)

    @unittest.skipUnless(ingress.NGINX, "nginx is not here")
    def test_the_ingress_example_holds_a_stream_that_is_large_and_silent_for_more_than_a_minute(self):
        environment, before = self.behind_ingress(), self.resumed()
        file, upload, gateway = self.begin_upload("grace", environment)
        upload.send_signal(signal.SIGSTOP)
        # The defaults cut at 60 s, so a claim about them takes that long.
        silent_until = time.monotonic() + 66
        pods.until("more than a minute of silence", 90, lambda: time.monotonic() > silent_until)
        upload.send_signal(signal.SIGCONT)
        self.end_upload(file, upload, "grace", environment)
        self.assertEqual(self.resumed(), before)

    @unittest.skipUnless(ingress.NGINX, "nginx is not here")
    def test_without_its_annotations_an_ingress_cuts_the_stream(self):
        def bare(objects):
            for one in of_kind(objects, "Ingress"):
                one["metadata"]["annotations"] = {name: value for name, value in one["metadata"]["annotations"].items() if name.endswith("backend-protocol")}
            return [one for one in objects if one["kind"] != "ConfigMap"]
        environment, before = self.behind_ingress(bare), self.resumed()
        _, upload, _ = self.begin_upload("heidi", environment)
        self.addCleanup(upload.communicate)
        self.addCleanup(upload.kill)
        pods.until("the client has come back for a stream that was cut", 60, lambda: self.resumed() > before)

    def test_renewed_certificates_are_shown_without_a_restart(self):
        renewed = authority.issue_all(self.rendered, self.private, self.public)
        for pod, volume, secret, port, host, ca in (
                (self.brokers[0], "tls", "sluice-broker-tls", "grpc", self.brokers[0].ip, self.private),
                (self.brokers[0], "tls", "sluice-broker-tls", "http", self.brokers[0].ip, self.private),
                (self.brokers[0], "tls", "sluice-broker-tls", "gateways", self.brokers[0].ip, self.private),
                (self.gateways[0], "tls", "sluice-gateway-tls", "grpc", self.gateways[0].ip, self.private),
                (self.gateways[0], "tls", "sluice-gateway-tls", "http", self.gateways[0].ip, self.private),
                (self.proxy, "public", "sluice-proxy-tls", "https", PUBLIC, self.public)):
            with self.subTest(pod=pod.name, port=port):
                before = self.serial(host, pod.port(port), ca.certificate)
                self.assertIn("serial=", before)
                fresh = {**renewed[secret], **authority.issue_all(self.rendered, self.private, self.public)[secret]}
                pod.write(volume, fresh)
                pods.until("the new certificate is shown", 10, lambda: self.serial(host, pod.port(port), ca.certificate) not in ("", before))
        # The gateway's own at the broker as well: what it asks for now still succeeds.
        for gateway in self.gateways:
            gateway.write("broker", renewed["sluice-gateway-client-tls"])
        self.assert_round_trip(self.picture(1 << 20), "renewed.bin", **self.environment)

    def test_the_admin_ports_give_metrics(self):
        for pod, path, metric in ((self.brokers[0], "/metrics", "sluice_sts_calls_total"), (self.gateways[0], "/metrics", "sluice_upload_budget_bytes"),
                                  (self.proxy, "/stats/prometheus", "envoy_cluster_upstream_rq_total")):
            status, text = pod.get("admin", path)
            self.assertEqual(status, 200)
            self.assertIn(metric, text)
        # Envoy's admin interface itself can stop it; the cluster sees two addresses of it.
        self.assertEqual(self.proxy.get("admin", "/config_dump")[0], 404)

    def test_envoy_logs_no_address(self):
        self.ask("/get_sts_token?ticket=eyJhbGciOiJFZERTQSJ9.secret.ticket")
        line = pods.until("a line of the access log", 15, lambda: '"broker-http"' in self.proxy.text())
        self.assertTrue(line)
        self.assertNotIn("secret.ticket", self.proxy.text() + "".join(broker.text() for broker in self.brokers))

    def test_zz_all_end_within_their_grace_periods(self):
        for pod in (self.proxy, *self.gateways, *self.brokers):
            self.assert_ends_well(pod)


class Config(Cluster):
    """The programs' own judgement of every rendered config."""

    def test_check_accepts_the_config_of_every_value_file(self):
        for values, *settings in (*((name,) for name in chart.VALUES), ("minimal", "listenHost=[::]")):
            rendered = render(values, *settings)
            private = authority.Authority("private")
            self.addCleanup(private.end)
            secrets = {one: {**private.issue({"dnsNames": ["x"], "usages": ["server auth", "client auth"]})}
                       for one in ("sluice-broker-tls", "sluice-gateway-tls", "sluice-gateway-client-tls", "sluice-broker-access-key")}
            secrets["sluice-ticket-keys"] = {f"{one}.pem": authority.ticket_key() for one in ("k1", "k2")}
            secrets["sluice-upload-keys"] = {one: authority.upload_key() for one in ("k1", "k2")}
            secrets["sluice-broker-access-key"] = {"ALIBABA_CLOUD_ACCESS_KEY_ID": b"LTAI4example", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": b"example"}
            for deployment in of_kind(rendered, "Deployment"):
                name = deployment["metadata"]["name"].removeprefix("sluice-")
                if name not in ("broker", "gateway"):
                    continue
                with self.subTest(values=values, settings=settings, program=name):
                    container = chart.container(deployment)
                    container["args"] = [*container["args"], "--check"]
                    pod = self.node.start(deployment, rendered, secrets, lambda audience, account: "a.b.c")
                    self.addCleanup(pod.kill)
                    self.assertEqual(pod.process.wait(20), 0, pod.text())
                    self.assertIn("good" if name == "gateway" else "photos", pod.text())


if __name__ == "__main__":
    pods.enter()
    unittest.main()
