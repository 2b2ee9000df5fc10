"""The unmodified official Python SDK (oss2) judges the broker's tokens and the sandbox."""
import json
import os
import unittest
import urllib.error
import urllib.request

import oss2

ENDPOINT = os.environ["SLUICE_OSS"]


def fetch(request):
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def token_of(subject):
    """A broker's token for all of the subject's prefix."""
    jwt = fetch(f"{os.environ['SLUICE_IDENTITY']}/token?subject={subject}").strip()
    request = urllib.request.Request(f"{os.environ['SLUICE_HTTP']}/get_sts_token", headers={"Authorization": f"Bearer {jwt}"})
    token = json.loads(fetch(request))
    assert token["StatusCode"] == 200, token
    return token


def bucket_of(token, v4):
    auth = oss2.StsAuth(token["AccessKeyId"], token["AccessKeySecret"], token["SecurityToken"],
                        auth_version=oss2.AUTH_VERSION_4 if v4 else oss2.AUTH_VERSION_1)
    return oss2.Bucket(auth, ENDPOINT, "sluice-demo", region="cn-hangzhou")


class Oss2Test(unittest.TestCase):
    def test_put_get_list_and_multipart_inside_the_prefix(self):
        for v4 in (False, True):
            with self.subTest(v4=v4):
                bucket = bucket_of(token_of("carol"), v4)
                body = os.urandom(300_000)
                bucket.put_object("uploads/carol/a b+c.bin", body)
                self.assertEqual(bucket.get_object("uploads/carol/a b+c.bin").read(), body)
                self.assertEqual(bucket.get_object("uploads/carol/a b+c.bin", byte_range=(10, 19)).read(), body[10:20])

                upload = bucket.init_multipart_upload("uploads/carol/big").upload_id
                parts = [oss2.models.PartInfo(n, bucket.upload_part("uploads/carol/big", upload, n, body).etag)
                         for n in (1, 3)]
                listed = bucket.list_parts("uploads/carol/big", upload)
                self.assertEqual([p.part_number for p in listed.parts], [1, 3])
                bucket.complete_multipart_upload("uploads/carol/big", upload, parts)
                self.assertEqual(bucket.get_object("uploads/carol/big").read(), body + body)

                keys = [o.key for o in oss2.ObjectIteratorV2(bucket, prefix="uploads/carol/")]
                self.assertEqual(keys, ["uploads/carol/a b+c.bin", "uploads/carol/big"])

    def test_outside_the_prefix_is_access_denied(self):
        for v4 in (False, True):
            with self.subTest(v4=v4):
                bucket = bucket_of(token_of("carol"), v4)
                for act in (lambda b: b.put_object("uploads/dave/x", b"x"),
                            lambda b: b.get_object("uploads/dave/x"),
                            lambda b: b.list_objects_v2(prefix="uploads/")):
                    with self.assertRaises(oss2.exceptions.AccessDenied):
                        act(bucket)

    def test_a_presigned_url_of_the_sdk_works_and_dies_when_changed(self):
        bucket = bucket_of(token_of("erin"), True)
        bucket.put_object("uploads/erin/signed", b"hello")
        url = bucket.sign_url("GET", "uploads/erin/signed", 60, slash_safe=True)

        self.assertEqual(fetch(url), "hello")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            fetch(url.replace("signed", "other"))
        self.assertEqual(refused.exception.code, 403)
        refused.exception.close()


if __name__ == "__main__":
    unittest.main()
