"""The program this product replaces runs against the sandbox, and its token reaches what ours does not."""
import sys
import unittest
from pathlib import Path

import oss2

sys.path.insert(0, str(Path(__file__).parent))

from oss2_test import bucket_of, token_of  # noqa: E402
from seed_app import app  # noqa: E402


class SeedTest(unittest.TestCase):
    def test_the_seed_token_reaches_every_caller_and_ours_does_not(self):
        seed = app.test_client().get("/get_sts_token").get_json()
        self.assertEqual(seed["StatusCode"], 200)
        anyone = bucket_of(seed, v4=True)
        for victim in ("uploads/alice/from-seed", "uploads/bob/from-seed"):
            self.assertEqual(anyone.put_object(victim, b"x").status, 200)

        ours = bucket_of(token_of("mallory"), v4=True)
        for victim in ("uploads/alice/from-seed", "uploads/bob/from-seed"):
            with self.assertRaises(oss2.exceptions.AccessDenied):
                ours.put_object(victim, b"x")


if __name__ == "__main__":
    unittest.main()
