"""The examples of clients/examples do what they say."""
import json
import os
import pathlib
import subprocess
import sys
import unittest
import urllib.request

EXAMPLES = pathlib.Path(__file__).resolve().parents[3] / "clients" / "examples"


class ExamplesTest(unittest.TestCase):
    def setUp(self):
        self.jwt = pathlib.Path(os.environ["SLUICE_RUN"]) / "example.jwt"
        with urllib.request.urlopen(os.environ["SLUICE_IDENTITY"] + "/token?subject=frank", timeout=10) as answer:
            self.jwt.write_bytes(answer.read())
        self.environment = {**os.environ, "SLUICE_JWT_FILE": str(self.jwt), "OSS_ENDPOINT": os.environ["SLUICE_OSS"],
                            "OSS_BUCKET": "sluice-demo", "OSS_REGION": "cn-hangzhou"}

    def run_example(self, *command):
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)

    def test_curl_prints_a_token(self):
        token = json.loads(self.run_example(EXAMPLES / "get_token.sh").stdout)
        self.assertEqual(token["StatusCode"], 200)
        self.assertTrue(token["AccessKeyId"].startswith("STS."))

    def test_python_puts_a_file_and_says_why_it_may_not(self):
        command = [sys.executable, EXAMPLES / "put_file.py", self.jwt]
        self.assertEqual(self.run_example(*command, "uploads/frank/example").stdout.strip(), "200")
        self.assertIn("AccessDenied", self.run_example(*command, "uploads/bob/example").stderr)
        self.jwt.write_text("rubbish", encoding="ascii")
        self.assertIn("TOKEN_MALFORMED", self.run_example(*command, "uploads/frank/example").stderr)


if __name__ == "__main__":
    unittest.main()
