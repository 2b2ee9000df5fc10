"""The Go example of clients/examples does what it says."""
import os
import pathlib
import subprocess
import tempfile
import unittest
import urllib.request

EXAMPLE = pathlib.Path(__file__).resolve().parents[3] / "clients" / "examples" / "get_token.go"


class GoExampleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.program = cls.folder.name + "/get_token"
        subprocess.run(["go", "build", "-o", cls.program, EXAMPLE], check=True, cwd=cls.folder.name, timeout=600,
                       env={**os.environ, "GOFLAGS": "-mod=mod", "GOCACHE": cls.folder.name + "/cache", "CGO_ENABLED": "0"})

    def run_with(self, jwt):
        path = pathlib.Path(self.folder.name) / "jwt"
        path.write_text(jwt, encoding="ascii")
        return subprocess.run([self.program], env={**os.environ, "SLUICE_JWT_FILE": str(path)}, capture_output=True, text=True,
                              timeout=60, check=False)

    def test_it_prints_a_key_and_its_end(self):
        with urllib.request.urlopen(os.environ["SLUICE_IDENTITY"] + "/token?subject=heidi", timeout=10) as answer:
            result = self.run_with(answer.read().decode())
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"^STS\.\S+ until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def test_it_says_why_it_was_refused(self):
        result = self.run_with("rubbish")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("TOKEN_MALFORMED", result.stderr)


if __name__ == "__main__":
    unittest.main()
