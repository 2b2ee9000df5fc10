#!/usr/bin/env python3
"""The Go example of clients/examples gets a token from the release programs."""
import os
import pathlib
import subprocess
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]


class GoExampleTest(unittest.TestCase):
    def test_the_example_prints_a_session_key(self):
        with urllib.request.urlopen(f"{os.environ['SLUICE_IDENTITY']}/token?subject=gopher", timeout=10) as answer:
            jwt = answer.read().decode().strip()

        ran = subprocess.run(["go", "run", "."], cwd=ROOT / "clients/examples/go", env={**os.environ, "SLUICE_JWT": jwt},
                             capture_output=True, text=True, timeout=300, check=False)

        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("STS.", ran.stdout)


if __name__ == "__main__":
    unittest.main()
