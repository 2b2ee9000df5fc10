"""A node of a cluster in small: starts what the chart renders as Kubernetes would, from the rendered objects alone.

Each pod has a network of its own on one bridge, a root of its own that is read-only where the pod says so, its volumes as the kubelet
writes them, its user, no capabilities, and the very command, arguments and environment of its container. Its image is this machine with the
programs put where the real image has them. Names of Services are in everybody's /etc/hosts. Not here: network policies, limits of
resources, seccomp.
"""
import os
import pathlib
import shutil
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from chart import container, of_kind, selects

NETWORK = "10.77.0"


def enter():
    """Runs this program again in namespaces of its own, so that nothing it mounts or connects is left behind."""
    if "SLUICE_IN_NODE" not in os.environ:
        os.execvp("unshare", ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
                              "env", "SLUICE_IN_NODE=1", sys.executable, *sys.argv])


def run(*command, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr}")
    return done.stdout


def until(what, seconds, attempt):
    """The first true answer of attempt(); tried for so many seconds."""
    end = time.monotonic() + seconds
    while True:
        answer = attempt()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class Node:
    """`images` says where a program of an image is on this machine: {"/usr/bin/sluice-broker": path}."""

    def __init__(self, images):
        self.images = images
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="sluice-node-"))
        run("mount", "-t", "tmpfs", "-o", "mode=755", "node", self.root)
        self.hosts = self.root / "hosts"
        self.hosts.write_text("127.0.0.1 localhost\n")
        run("mount", "--bind", self.hosts, "/etc/hosts")
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "pods", "type", "bridge")
        run("ip", "address", "add", f"{NETWORK}.1/24", "dev", "pods")
        run("ip", "link", "set", "pods", "up")
        self.pods = []
        self._started = 0
        self.services = []
        self.names = {}

    def start(self, deployment, objects, secrets, token=None):
        """One pod of a Deployment. `secrets` are the Secrets by name, as files by name; `token(audience, account)` makes a token of a
        service account."""
        self._started += 1
        pod = Pod(self, self._started, deployment, objects, secrets, token)
        self.pods.append(pod)
        self.publish()
        return pod

    def publish(self):
        """Writes the names of all Services: of those without an address of their own every ready pod, of the others one."""
        lines = ["127.0.0.1 localhost"] + [f"{address} {name}" for name, address in self.names.items()]
        for service in self.services:
            name = f"{service['metadata']['name']}.{service['metadata']['namespace']}.svc.cluster.local"
            ready = [pod.ip for pod in self.pods if pod.ready and selects({"matchLabels": service["spec"]["selector"]}, pod.labels)]
            lines += [f"{ip} {name}" for ip in (ready if service["spec"].get("clusterIP") == "None" else ready[:1])]
        # In place, since everybody has this very file mounted.
        self.hosts.write_text("\n".join(lines) + "\n")

    def end(self):
        for pod in list(self.pods):
            pod.kill()
        run("ip", "link", "delete", "pods")
        run("umount", "/etc/hosts")
        run("umount", self.root)
        self.root.rmdir()


class Pod:
    def __init__(self, node, number, deployment, objects, secrets, token):
        self.node, self.objects, self.secrets, self.token = node, objects, secrets, token
        self.template = deployment["spec"]["template"]
        self.labels = self.template["metadata"]["labels"]
        self.namespace = deployment["metadata"]["namespace"]
        self.name = f"{deployment['metadata']['name']}-{number}"
        self.ip = f"{NETWORK}.{number + 1}"
        self.ready = False
        self.container = container(deployment)
        self.folder = node.root / self.name
        self.folder.mkdir()
        self.log = self.folder / "log"
        self.volumes = {}
        self._network(number)
        self._write_volumes()
        self._start()

    # What the kubelet does.

    def _network(self, number):
        self.pause = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        until("a network of its own", 5, lambda: os.readlink(f"/proc/{self.pause.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
        run("ip", "link", "add", f"veth{number}", "type", "veth", "peer", "name", "eth0", "netns", str(self.pause.pid))
        run("ip", "link", "set", f"veth{number}", "master", "pods", "up")
        inside = ("nsenter", "--target", str(self.pause.pid), "--net", "ip")
        run(*inside, "link", "set", "lo", "up")
        run(*inside, "address", "add", f"{self.ip}/24", "dev", "eth0")
        run(*inside, "link", "set", "eth0", "up")

    def _files(self, volume):
        """The files of a volume and their mode."""
        if "configMap" in volume:
            source = volume["configMap"]
            found = [one for one in of_kind(self.objects, "ConfigMap") if one["metadata"]["name"] == source["name"]]
            files = {name: text.encode() for name, text in found[0]["data"].items()}
        elif "secret" in volume:
            source = volume["secret"]
            files = self.secrets[source["secretName"]]
        else:
            source = volume["projected"]
            files = {one["serviceAccountToken"]["path"]: self.token(one["serviceAccountToken"]["audience"], self._account()).encode()
                     for one in source["sources"]}
        if "items" in source:
            files = {item["path"]: files[item["key"]] for item in source["items"]}
        return files, source.get("defaultMode", 0o644)

    def _account(self):
        return f"system:serviceaccount:{self.namespace}:{self.template['spec']['serviceAccountName']}"

    def _write_volumes(self):
        for volume in self.template["spec"].get("volumes", []):
            files, mode = self._files(volume)
            self.volumes[volume["name"]] = self.folder / "volumes" / volume["name"]
            self.volumes[volume["name"]].mkdir(parents=True)
            self.write(volume["name"], files, mode)

    def write(self, volume, files, mode=0o440):
        """New files in a volume, all at once: a folder with a name of its own, and the link to it put in the place of the old one."""
        folder = self.volumes[volume]
        version = pathlib.Path(tempfile.mkdtemp(prefix="..2026_", dir=folder))
        version.chmod(0o755)
        group = self.template["spec"]["securityContext"]["fsGroup"]
        for name, content in files.items():
            (version / name).write_bytes(content)
            os.chown(version / name, 0, group)
            (version / name).chmod(mode)
        old = folder / "..data"
        before = os.readlink(old) if old.is_symlink() else None
        (folder / "..data_tmp").symlink_to(version.name)
        (folder / "..data_tmp").rename(old)
        for name in files:
            if not (folder / name).is_symlink():
                (folder / name).symlink_to(f"..data/{name}")
        if before:
            shutil.rmtree(folder / before)

    def _environment(self):
        fields = {"metadata.name": self.name, "metadata.namespace": self.namespace, "status.podIP": self.ip}
        out = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME": self.name}
        for source in self.container.get("envFrom", []):
            out.update({name: value.decode() for name, value in self.secrets[source["secretRef"]["name"]].items()})
        for entry in self.container.get("env", []):
            out[entry["name"]] = entry["value"] if "value" in entry else fields[entry["valueFrom"]["fieldRef"]["fieldPath"]]
        return out

    def _start(self):
        security, own = self.template["spec"]["securityContext"], self.container["securityContext"]
        root = self.folder / "root"
        for name in ("root", "upper", "work"):
            (self.folder / name).mkdir()
        script = ["set -eu", f"mount -t overlay overlay -o lowerdir=/,upperdir={self.folder}/upper,workdir={self.folder}/work {root}",
                  f"mount -t proc proc {root}/proc", f"mount --rbind /dev {root}/dev", f"mount --bind {self.node.hosts} {root}/etc/hosts"]
        for inside, outside in self.node.images.items():
            script += [f"mkdir -p {root}{os.path.dirname(inside)}", f"touch {root}{inside}", f"mount --bind {outside} {root}{inside}"]
        for mount in self.container.get("volumeMounts", []):
            # /var/run leads to /run, which must not lead out of the root.
            at = f"{root}{os.path.realpath(mount['mountPath'])}"
            script += [f"mkdir -p {at}", f"mount --bind {self.volumes[mount['name']]} {at}"]
            if mount.get("readOnly"):
                script.append(f"mount -o remount,bind,ro {at}")
        if own["readOnlyRootFilesystem"]:
            script.append(f"mount -o remount,ro {root}")
        user, group = str(security["runAsUser"]), str(security["runAsGroup"])
        command = ["chroot", str(root), "setpriv", f"--reuid={user}", f"--regid={group}", f"--groups={group},{security['fsGroup']}",
                   "--inh-caps=-all", "--bounding-set=-all"]
        assert own["capabilities"] == {"drop": ["ALL"]}
        if not own["allowPrivilegeEscalation"]:
            command.append("--no-new-privs")
        command += ["env", "-i", *[f"{name}={value}" for name, value in self._environment().items()], *self._own_command()]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(["nsenter", "--target", str(self.pause.pid), "--net", "unshare", "--mount", "--propagation", "private",
                                             "bash", "-c", "; ".join(script) + '; exec "$@"', "start", *command],
                                            stdout=log, stderr=subprocess.STDOUT)

    def _own_command(self):
        return [*self.container["command"], *self.container.get("args", [])]

    def probe(self, which):
        """Whether the probe of that name succeeds now."""
        if which not in self.container:
            return True
        ask = self.container[which]["httpGet"]
        try:
            status, _ = self.get(ask["port"], ask["path"], timeout=self.container[which].get("timeoutSeconds", 1))
        except OSError:
            return False
        return 200 <= status < 400

    def await_ready(self):
        """As the kubelet waits: for the start no longer than its probe allows, then for readiness."""
        start = self.container.get("startupProbe", {})
        allowed = start.get("periodSeconds", 10) * start.get("failureThreshold", 3)
        try:
            until(f"{self.name} has started", allowed, lambda: self._alive() and self.probe("startupProbe"))
            until(f"{self.name} is ready", 15, lambda: self._alive() and self.probe("readinessProbe"))
        except AssertionError as late:
            raise AssertionError(f"{late}; its log:\n{self.text()[-3000:]}") from None
        assert self.probe("livenessProbe")
        self.ready = True
        self.node.publish()
        return self

    def _alive(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}; its log:\n{self.text()[-3000:]}")
        return True

    def terminate(self):
        """Ends it as Kubernetes does: out of the Services, preStop, SIGTERM, and SIGKILL when the grace period is over. Gives the exit code
        and the seconds it took in all."""
        began = time.monotonic()
        self.ready = False
        self.node.publish()
        grace = self.template["spec"]["terminationGracePeriodSeconds"]
        hook = self.container.get("lifecycle", {}).get("preStop")
        if hook:
            self.execute(*hook["exec"]["command"])
        self.process.terminate()
        try:
            code = self.process.wait(max(0.1, grace - (time.monotonic() - began)))
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within its grace period of {grace} s; its log:\n{self.text()[-3000:]}") from None
        took = time.monotonic() - began
        self.kill()
        return code, took

    def kill(self):
        for process in (self.process, self.pause):
            if process.poll() is None:
                process.kill()
            process.wait()
        if self in self.node.pods:
            self.node.pods.remove(self)
            self.node.publish()

    # What an operator does.

    def execute(self, *command):
        """`kubectl exec`, as the pod's own user."""
        user = self.template["spec"]["securityContext"]["runAsUser"]
        return run("nsenter", "--target", str(self.process.pid), "--mount", "--net", "--root", "setpriv", f"--reuid={user}", f"--regid={user}",
                   "--clear-groups", "env", "-i", *[f"{name}={value}" for name, value in self._environment().items()], *command)

    def text(self):
        return self.log.read_text(errors="replace")

    def port(self, name):
        return next(port["containerPort"] for port in self.container["ports"] if port["name"] == name)

    def get(self, port, path, timeout=5, **headers):
        """GET in plain HTTP from the node; status and body."""
        request = urllib.request.Request(f"http://{self.ip}:{self.port(port)}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def forward(self, name):
        """`kubectl port-forward`: an address on this machine that leads to the port of that name, as it is listened on inside the pod."""
        target = (self.ip, self.port(name))

        class Pipe(socketserver.BaseRequestHandler):
            def handle(self):
                with socket.create_connection(target) as other:
                    back = threading.Thread(target=_copy, args=(other, self.request), daemon=True)
                    back.start()
                    _copy(self.request, other)
                    back.join()

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Pipe)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"127.0.0.1:{server.server_address[1]}"


def _copy(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass
