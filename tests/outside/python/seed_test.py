"""The program this product replaces runs against the sandbox, and its token reaches what the broker's does not."""
import unittest

import oss2
from oss2_test import bucket_of, token_of
from seed_app import app


class SeedTest(unittest.TestCase):
    def test_the_seed_token_reaches_every_caller_and_the_brokers_does_not(self):
        seed = app.test_client().get("/get_sts_token").get_json()
        self.assertEqual(seed["StatusCode"], 200)
        anyone = bucket_of(seed, v4=True)
        for victim in ("uploads/alice/from-seed", "uploads/bob/from-seed"):
            self.assertEqual(anyone.put_object(victim, b"x").status, 200)

        scoped = bucket_of(token_of("mallory"), v4=True)
        for victim in ("uploads/alice/from-seed", "uploads/bob/from-seed"):
            with self.assertRaises(oss2.exceptions.AccessDenied):
                scoped.put_object(victim, b"x")


if __name__ == "__main__":
    unittest.main()
