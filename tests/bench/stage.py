"""The programs of a benchmark: starts them on loopback, speaks to them, ends each by its own handle."""
import concurrent.futures
import ctypes
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "build/release/bin"
BENCH = ROOT / "build/release/bench"
SEED = ROOT / "build/outside/seed/bin"
OWN_KEY = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "SANDBOXBROKERKEYID00", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "sandbox-broker-secret"}
CONFIG = """\
development: true
listen:
  grpc: {{address: "127.0.0.1:0", tls: {{cert_file: {run}/cert.pem, key_file: {run}/key.pem}}}}
  http: 127.0.0.1:0
  admin: 127.0.0.1:0
identity:
  providers:
    - name: sandbox
      jwt: {{issuer: "http://127.0.0.1:{identity}", audience: [sluice], jwks_url: "http://127.0.0.1:{identity}/jwks.json"}}
keys: {{ephemeral_keys: true}}
sts: {{region: cn-hangzhou, endpoints: ["http://127.0.0.1:{sts}"], calls_per_second: {calls}}}
load: {{subject_calls_per_second: 10000000}}
audit: {{file: {run}/{name}-audit.jsonl}}
grants:
  - name: photos
    who: [{{provider: sandbox}}]
    role_arn: acs:ram::1000000000000001:role/sluice-uploader
    bucket: sluice-demo
    region: cn-hangzhou
    endpoint: "http://127.0.0.1:{oss}"
    prefix: uploads/{{subject}}/
    operations: [UPLOAD, RESUME, DOWNLOAD, LIST]
    ttl: {{default: 1h, max: 1h}}
"""


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: nothing stays behind, whatever ends the driver


def cpu_us(pids):
    """CPU of all threads of these processes, those that ended too."""
    return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in pids) / 1e3  # what clock_getcpuclockid(3) gives


def children_of(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def free_low_port():
    """Below 32768, where no connection's own port can be in the way."""
    for port in range(20011, 32000, 7):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port below 32000")


class Program:
    def __init__(self, name, argv, run, env=None):
        self.name, self.run, self.ports = name, run, {}
        self.log = open(run / f"{name}.log", "w", encoding="utf-8")
        self.process = subprocess.Popen([str(word) for word in argv], env={**os.environ, **(env or {})}, stdout=self.log,
                                        stderr=self.log, preexec_fn=die_with_parent)
        self.pid = self.process.pid

    def await_that(self, ready):
        end = time.monotonic() + 30
        while not ready():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.name} did not start:\n" + (self.run / f"{self.name}.log").read_text(encoding="utf-8")[-2000:])
            time.sleep(0.02)

    def await_ports(self, file):
        self.await_that(file.exists)
        self.ports = json.loads(file.read_text(encoding="utf-8"))

    def await_listening(self, port):
        def listening():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        self.await_that(listening)
        self.ports = {"http": port}

    def most_resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) << 10

    def forget_most_resident(self):
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")  # see proc(5)

    def pids(self):
        return [self.pid, *children_of(self.pid)]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(25)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


class Stage:
    """One sandbox and what is put beside it. A context: leaving it ends everything."""

    def __init__(self, name):
        self.run = ROOT / "build/bench" / name
        self.programs = []

    def __enter__(self):
        shutil.rmtree(self.run, ignore_errors=True)
        self.run.mkdir(parents=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                        "/CN=sluice-bench", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.run / "key.pem", "-out",
                        self.run / "cert.pem"], check=True, capture_output=True)
        try:
            self.sandbox = self.start("sandbox", [BIN / "sluice-sandbox", *[f"--{one}-port=0" for one in ("oss", "sts", "metadata", "identity", "admin")]])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for program in reversed(self.programs):
            program.stop()
        self.empty_audits()
        (self.run / "jwts").unlink(missing_ok=True)

    def empty_audits(self):
        """Before the system writes them back: 40 MB a second of hits would have the disk measured."""
        for audit in self.run.glob("*-audit.jsonl"):
            os.truncate(audit, 0)

    def start(self, name, argv, env=None, port=None):
        ports_file = self.run / f"{name}.ports"
        argv = argv if port else [*argv, "--ports-file", ports_file]
        program = Program(name, argv, self.run, env)
        self.programs.append(program)
        program.await_listening(port) if port else program.await_ports(ports_file)
        return program

    def start_broker(self, sts_calls_per_second, more="", name="broker"):
        ports = self.sandbox.ports
        config = CONFIG.format(run=self.run, name=name, calls=sts_calls_per_second, **ports) + more
        (self.run / f"{name}.yaml").write_text(config, encoding="utf-8")
        return self.start(name, [BIN / "sluice-broker", "--config", self.run / f"{name}.yaml"], OWN_KEY)

    def start_echo(self):
        return self.start("echo", [BENCH / "bench-echo", "--cert", self.run / "cert.pem", "--key", self.run / "key.pem", "--answer",
                                   self.run / "answer"])

    def start_seed(self, gunicorn):
        port, app = free_low_port(), ROOT / "tests/bench/seed"
        argv = [SEED / "python", app / "app.py", port]
        if gunicorn:
            argv = [SEED / "gunicorn", "-w", "2", "--threads", "8", "-b", f"127.0.0.1:{port}", "--chdir", app, "app:app"]
        env = {"SLUICE_STS": f"http://127.0.0.1:{self.sandbox.ports['sts']}", "PYTHONDONTWRITEBYTECODE": "1"}
        return self.start("gunicorn" if gunicorn else "app_run", argv, env, port)

    def mint(self, count, algorithm="RS256", audience="sluice"):
        """JWTs of as many subjects, into the file that `load` reads."""
        def some(numbers):
            connection = http.client.HTTPConnection("127.0.0.1", self.sandbox.ports["identity"], timeout=30)
            out = []
            for number in numbers:
                connection.request("GET", f"/token?subject=user-{number:06}&tenant=acme&email=user-{number:06}%40example.com"
                                          f"&ttl=12h&alg={algorithm}&audience={audience}")
                answer = connection.getresponse()
                body = answer.read().decode()
                if answer.status != 200:
                    raise RuntimeError("minting failed: " + body)
                out.append(body.strip())
            connection.close()
            return out
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            shares = pool.map(some, [range(first, min(first + 1000, count)) for first in range(0, count, 1000)])
        (self.run / "jwts").write_text("".join(jwt + "\n" for share in shares for jwt in share), encoding="ascii")

    def admin(self, method, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.sandbox.ports["admin"], timeout=30)
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read().decode()
        if answer.status != 200:
            raise RuntimeError(f"the sandbox's admin port refuses {method} {path}: {body}")
        return body

    def fault(self, kind, value=None, count=None):
        query = f"service=sts&kind={kind}" + (f"&value={value}" if value else "") + (f"&count={count}" if count else "")
        self.admin("POST", "/faults?" + query)

    def no_faults(self):
        self.admin("DELETE", "/faults")

    def sts_stats(self, reset=False):
        return json.loads(self.admin("DELETE" if reset else "GET", "/stats"))["sts"]

    def assume_roles(self):
        return self.sts_stats()["received"].get("AssumeRole", 0)

    def load_argv(self, program, *lanes, **flags):
        argv = [BENCH / "bench-load", "--target", f"127.0.0.1:{program.ports['grpc']}", "--ca", self.run / "cert.pem", "--jwts",
                self.run / "jwts", "--watch", program.pid]
        for lane in lanes:
            argv += ["--lane", lane]
        for flag, value in flags.items():
            argv += ["--" + flag.replace("_", "-")] + ([] if value is True else [value])
        return [str(word) for word in argv]

    def load(self, program, *lanes, timeout=300, **flags):
        """Runs bench-load; the JSON it prints."""
        out = subprocess.run(self.load_argv(program, *lanes, **flags), check=False, capture_output=True, text=True, timeout=timeout,
                             preexec_fn=die_with_parent)
        if out.returncode != 0:
            raise RuntimeError(f"bench-load: {out.stderr.strip()}")
        return json.loads(out.stdout)

    def load_http(self, program, seconds, connections=64):
        """Runs wrk against a seed program. CPU is divided by what was answered and what was under way, in the seed's favour."""
        before = cpu_us(program.pids())
        out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", ROOT / "tests/bench/wrk.lua",
                              f"http://127.0.0.1:{program.ports['http']}/get_sts_token"], check=True, capture_output=True, text=True,
                             timeout=seconds + 60, preexec_fn=die_with_parent)
        used = cpu_us(program.pids()) - before
        counted = json.loads(out.stdout.strip().splitlines()[-1])
        counted["cpu_us"] = used / (counted["requests"] + connections)
        return counted
