#!/usr/bin/env python3
"""The installed C++ library in a project of somebody else's. Run by tests/outside/with_services.sh after a release build."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]


def run(*argv):
    done = subprocess.run([str(arg) for arg in argv], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, f"{argv[0]}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp())
        run("cmake", "--install", "build/release", "--component", "sluice", "--prefix", cls.folder / "installed")
        # Away from the repository, so that nothing of it is found by accident.
        shutil.copytree(pathlib.Path(__file__).parent, cls.folder / "project")
        run("cmake", "-S", cls.folder / "project", "-B", cls.folder / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={cls.folder / 'installed'}")
        run("cmake", "--build", cls.folder / "build", "-j", os.cpu_count() or 1)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def test_a_program_that_links_the_signing_library_signs_what_oss_accepts(self):
        argv = [os.environ["SLUICE_OSS"], "SANDBOXBROKERKEYID00", "sandbox-broker-secret", "uploads/alice/x"]
        url = run(self.folder / "build/sign", *argv).strip()
        # The key may do nothing at OSS: the signature is right, and the policy says no.
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url, timeout=20)
        self.assertEqual(refused.exception.code, 403)
        self.assertIn("<Code>AccessDenied</Code>", refused.exception.read().decode())
        with self.assertRaises(urllib.error.HTTPError) as other:
            urllib.request.urlopen(run(self.folder / "build/sign", *argv[:2], "another-secret", argv[3]).strip(), timeout=20)
        self.assertIn("<Code>SignatureDoesNotMatch</Code>", other.exception.read().decode())

    def test_a_program_that_links_the_client_uploads_through_the_gateway(self):
        with urllib.request.urlopen(os.environ["SLUICE_IDENTITY"] + "/token?subject=alice&audience=sluice-gateway", timeout=20) as answer:
            jwt = answer.read().decode().strip()
        file = self.folder / "file"
        file.write_bytes(os.urandom(5_000_000))
        self.assertEqual(run(self.folder / "build/upload", os.environ["SLUICE_GATEWAY"], jwt, file).strip(), "uploads/alice/from-the-package 5000000 1")


if __name__ == "__main__":
    unittest.main()
