"""A Debian with systemd as its process 1, on this machine, in namespaces of its own: nothing of it is left when it is closed."""
import os
import pathlib
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent


def run(*argv, check=True, **options):
    done = subprocess.run([str(arg) for arg in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(str(arg) for arg in argv)}: exit {done.returncode}\n{done.stdout[-3000:]}")
    return done if not check else done.stdout


def until(claim, what, seconds=30):
    """Polls until the claim holds; fails with the text that `what` is, or gives."""
    end = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > end:
            raise AssertionError(what() if callable(what) else what)
        time.sleep(0.05)


class Machine:
    def __init__(self, folder):
        with open("/proc/self/mounts", encoding="utf-8") as mounts:
            groups = next(line.split()[1] for line in mounts if line.split()[2] == "cgroup2")
        self.group = pathlib.Path(groups, f"sluice-test-{os.getpid()}-{time.monotonic_ns()}")
        self.group.mkdir()
        self.outer = subprocess.Popen(
            # Ends with the test, however that ends.
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--fork", "--kill-child", "--pid", "--mount", "--uts", "--ipc", "--net", "--propagation", "private", "bash", "-c",
             'echo 0 > "$1" && exec unshare --cgroup "$2" "$3"', "-", self.group / "cgroup.procs", HERE / "boot.sh", folder],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            children = pathlib.Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children")
            until(lambda: self.outer.poll() is not None or children.read_text(encoding="ascii").strip(), "unshare began nothing")
            if self.outer.poll() is not None:
                raise AssertionError(f"the machine did not start: {self.outer.stdout.read()}")
            self.pid = int(children.read_text(encoding="ascii"))
            until(lambda: self.outer.poll() is not None or self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded"),
                  lambda: "the machine does not come up: " + self.run("systemctl", "list-jobs", check=False).stdout)
        except BaseException:
            self.close()
            raise

    def close(self):
        self.outer.kill()  # and, by --kill-child, process 1 with all that it has
        self.outer.communicate()

        def gone():
            for folder, _, _ in os.walk(self.group, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    return False
            return not self.group.exists()
        until(gone, f"{self.group} is still in use")

    def run(self, *argv, check=True, env=None):
        """A command as root inside. Its output; with check=False the finished process, however it ended."""
        inside = ["nsenter", "--target", self.pid, "--all", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive"]
        return run(*inside, *[f"{name}={value}" for name, value in (env or {}).items()], *argv, check=check, timeout=120)

    def path(self, inside):
        """Where a file of the machine can be reached from outside."""
        return pathlib.Path(f"/proc/{self.pid}/root{inside}")

    def unit(self, name, prop):
        return self.run("systemctl", "show", "--value", "--property", prop, name).strip()
