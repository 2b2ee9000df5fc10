#!/usr/bin/env python3
"""Uploads through three gateways of which one is killed every other second; run by tests/outside/with_services.sh.

Clients re-connect round-robin and go on with their upload_id. In the end every object must be there, once, byte for byte, and what had
to be sent again after a kill must be within what services/upload_gateway/README.md promises.
"""
import argparse
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import grpc
import oss2
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN = pathlib.Path(os.environ["SLUICE_RUN"])
SLOT = 256 * 1024
SMALL = 4 << 20
REPLICAS = 3


def stubs():
    """The messages and the service, generated as a Python client would."""
    out = tempfile.mkdtemp(dir=RUN)
    files = ["sluice/upload/v1/upload_gateway.proto", "sluice/options/v1/field_options.proto", "google/rpc/error_details.proto", "google/rpc/status.proto"]
    import grpc_tools
    include = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    if protoc.main(["protoc", f"-I{ROOT / 'proto'}", f"-I{include}", f"--python_out={out}", f"--grpc_python_out={out}", *files]) != 0:
        sys.exit("the stubs could not be generated")
    sys.path.insert(0, out)
    from sluice.upload.v1 import upload_gateway_pb2, upload_gateway_pb2_grpc
    return upload_gateway_pb2, upload_gateway_pb2_grpc


PB, RPC = stubs()


def shell_environment(path):
    """The exports of a shell file."""
    text = subprocess.run(["bash", "-c", f"set -a; . {path}; env -0"], check=True, capture_output=True).stdout
    return dict(line.split("=", 1) for line in text.decode().split("\0") if "=" in line)


def free_low_port():
    """Below what the system gives to outgoing connections, so that a restarted replica finds it free."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


class Replica:
    def __init__(self, number):
        self.number, self.port = number, free_low_port()
        self.environment = {**shell_environment(RUN / "gateway.env"), "SLUICE_LISTEN_GRPC": f"127.0.0.1:{self.port}",
                            "SLUICE_LISTEN_HTTP": "127.0.0.1:0", "SLUICE_LISTEN_ADMIN": "127.0.0.1:0",
                            "SLUICE_AUDIT_FILE": str(RUN / f"chaos-{number}-audit.jsonl")}
        self.process = None
        self.start()

    def start(self):
        ports = RUN / f"chaos-{self.number}.ports"
        ports.unlink(missing_ok=True)
        with open(RUN / f"chaos-{self.number}.log", "a", encoding="utf-8") as log:
            argv = [pathlib.Path(os.environ["SLUICE_BIN"]) / "sluice-gateway", "--config", ROOT / "deploy/config/upload_gateway.sandbox.yaml", "--ports-file", ports]
            self.process = subprocess.Popen(argv, env=self.environment, cwd=ROOT, stderr=log, stdout=log)
        for _ in range(600):
            if ports.exists():
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        sys.exit(f"replica {self.number} did not start: {(RUN / f'chaos-{self.number}.log').read_text()[-2000:]}")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def content(number, size):
    return random.Random(number).randbytes(size)


class Upload:
    """One object from its first byte to the answer that it exists."""

    def __init__(self, number, ports, jwt, first):
        pick = random.Random(number)
        self.number, self.ports, self.turn = number, ports, first
        self.kind = pick.choice(["small", "slow", "fast", "unknown"])
        self.size = pick.randrange(0, SMALL) if self.kind == "small" else pick.randrange(SMALL + 1, 3 * SMALL)
        if self.kind == "slow":
            self.size = pick.randrange(SMALL + 1, SMALL + 12 * SLOT)
        if self.kind == "fast":
            self.size = pick.randrange(3 * SMALL, 6 * SMALL)
        self.bytes = content(number, self.size)
        self.path = f"chaos/{number}"
        self.metadata = (("authorization", "Bearer " + jwt),)
        self.message = 64 * 1024 if self.kind == "slow" else 1 << 20
        self.upload_id, self.committed, self.sent = None, 0, 0
        self.resent, self.breaks = [], 0

    def start(self):
        request = PB.StartUploadRequest(path=self.path, overwrite=True, request_id=f"chaos-{self.number}")
        if self.kind != "unknown":
            request.size_bytes = self.size
        return request

    def messages(self, committed_known):
        if self.upload_id:
            yield PB.UploadRequest(upload_id=self.upload_id)
        else:
            yield PB.UploadRequest(start=self.start())
        committed_known.wait(30)  # from where to go on
        at = self.committed
        if self.breaks and self.sent > at:
            self.resent.append(self.sent - at)
            self.sent = at
        while at < self.size:
            data = self.bytes[at:at + self.message]
            yield PB.UploadRequest(chunk=PB.Chunk(offset=at, data=data))
            at += len(data)
            self.sent = max(self.sent, at)
            if self.kind == "slow":
                time.sleep(0.05)
        yield PB.UploadRequest(finish=PB.Finish())

    def attempt(self):
        port = self.ports[self.turn % len(self.ports)]
        self.turn += 1
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 500)]
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            known = threading.Event()
            answers = RPC.UploadGatewayStub(channel).Upload(self.messages(known), metadata=self.metadata, timeout=60)
            try:
                for answer in answers:
                    if answer.committed_bytes < self.committed and self.upload_id:
                        raise AssertionError(f"{self.path}: committed {answer.committed_bytes} after {self.committed}")
                    self.committed = answer.committed_bytes
                    if answer.HasField("started") and answer.started.upload_id:
                        self.upload_id = answer.started.upload_id
                    known.set()
                    if answer.HasField("object"):
                        return answer.object
            finally:
                known.set()
                answers.cancel()
        return None

    def run(self, deadline):
        while True:
            try:
                done = self.attempt()
                if done is not None:
                    return done
            except grpc.RpcError as error:
                if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.DATA_LOSS,
                                    grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAUTHENTICATED):
                    raise
                if not self.upload_id:
                    self.committed = 0
            self.breaks += 1
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.path} is not done in time")
            time.sleep(0.1)


def http_json(url, headers=None, body=None):
    request = urllib.request.Request(url, data=json.dumps(body).encode() if body is not None else None, headers={**(headers or {}), "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def mint(subject, audience):
    with urllib.request.urlopen(f"{os.environ['SLUICE_IDENTITY']}/token?subject={subject}&audience={audience}", timeout=30) as answer:
        return answer.read().decode().strip()


def bucket():
    """Alice's own view of OSS, by the official SDK with a token of the broker's."""
    token = http_json(os.environ["SLUICE_HTTP"] + "/v1/tokens:issue", {"Authorization": "Bearer " + mint("alice", "sluice")}, {})["credentials"]
    auth = oss2.StsAuth(token["accessKeyId"], token["accessKeySecret"], token["securityToken"], auth_version=oss2.AUTH_VERSION_4)
    return oss2.Bucket(auth, os.environ["SLUICE_OSS"], "sluice-demo", region="cn-hangzhou", is_path_style=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uploads", type=int, default=50)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--kill-every", type=float, default=2.0)
    asked = parser.parse_args()

    replicas = [Replica(number) for number in range(REPLICAS)]
    over, kills = threading.Event(), [0]

    def killer():
        chooser = random.Random(7)
        while not over.wait(asked.kill_every):
            replica = chooser.choice(replicas)
            replica.kill()
            kills[0] += 1
            replica.start()

    numbers, lock = iter(range(asked.uploads)), threading.Lock()
    done, failed = {}, []
    deadline = time.monotonic() + 60 + 4 * asked.uploads
    jwt = mint("alice", "sluice-gateway")

    def client(first):
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            upload = Upload(number, [replica.port for replica in replicas], jwt, first + number)
            try:
                done[number] = (upload, upload.run(deadline))
            except Exception as error:  # pylint: disable=broad-except
                failed.append(f"{upload.path} ({upload.kind}, {upload.size} bytes): {error}")

    threads = [threading.Thread(target=killer)] + [threading.Thread(target=client, args=(i,)) for i in range(asked.clients)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads[1:]:
            thread.join()
    finally:
        over.set()
        threads[0].join()
        for replica in replicas:
            replica.kill()

    view = bucket()
    for number, (upload, answer) in done.items():
        found = view.get_object(f"uploads/alice/{upload.path}")
        if found.read() != upload.bytes:
            failed.append(f"{upload.path}: other bytes in OSS")
        if answer.size_bytes != upload.size or answer.crc64 != int(found.headers["x-oss-hash-crc64ecma"]):
            failed.append(f"{upload.path}: the answer tells another object")
    there = [item.key for item in oss2.ObjectIteratorV2(view, prefix="uploads/alice/chaos/")]
    if sorted(there) != sorted(f"uploads/alice/chaos/{number}" for number in range(asked.uploads)):
        failed.append(f"{len(there)} objects of {asked.uploads}")

    resent = {kind: [n for upload, _ in done.values() if upload.kind == kind for n in upload.resent] for kind in ("small", "slow", "fast", "unknown")}
    breaks = sum(upload.breaks for upload, _ in done.values())
    print(f"{len(done)} of {asked.uploads} uploads done, {kills[0]} kills, {breaks} broken streams")
    for kind, counts in resent.items():
        print(f"  {kind}: resumed {len(counts)} times, re-sent {max(counts, default=0)} bytes at most, {sum(counts) // max(1, len(counts))} on average")
    print(f"ratio slow_resent_vs_slot {max(resent['slow'], default=0) / SLOT:.3g}")
    # A slot that is not full, one whose answer was under way, and the message that had just been given to gRPC.
    if max(resent["slow"], default=0) > 2 * SLOT + 2 * 64 * 1024:
        failed.append(f"a slow sender sent {max(resent['slow'])} bytes again")
    # Four parts of 2 MiB under way, what has gathered behind them, and a window of messages.
    if max(resent["fast"] + resent["unknown"], default=0) > 8 * (2 << 20) + (2 << 20):
        failed.append("a fast sender sent more again than was under way")
    if kills[0] == 0 or breaks == 0:
        failed.append("nothing was broken, so nothing was shown")
    for line in failed:
        print("FAILED " + line)
    print(f"FAILED (failures={len(failed)})" if failed else f"Ran {len(done)} tests in 0s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
