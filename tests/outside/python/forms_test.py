"""Every form of credential in the hands of Python: the official SDK with URLs, requests with a form and with parts."""
import json
import os
import pathlib
import re
import struct
import unittest
import urllib.parse

import oss2
import requests

PICTURE = pathlib.Path("deploy/demo/picture.png").read_bytes()
HTTP = os.environ["SLUICE_HTTP"]


def jwt_of(subject, **claims):
    query = urllib.parse.urlencode({"subject": subject, **claims})
    return requests.get(f"{os.environ['SLUICE_IDENTITY']}/token?{query}", timeout=10).text.strip()


def call(path, body, jwt):
    return requests.post(HTTP + path, json=body, headers={"Authorization": f"Bearer {jwt}"}, timeout=10)


def bucket_of(jwt):
    token = requests.get(f"{HTTP}/get_sts_token?grant=photos", headers={"Authorization": f"Bearer {jwt}"}, timeout=10).json()
    assert token["StatusCode"] == 200, token
    auth = oss2.StsAuth(token["AccessKeyId"], token["AccessKeySecret"], token["SecurityToken"], auth_version=oss2.AUTH_VERSION_4)
    return oss2.Bucket(auth, os.environ["SLUICE_OSS"], "sluice-demo", region="cn-hangzhou")


class FormsTest(unittest.TestCase):
    def setUp(self):
        self.jwt = jwt_of("nina")
        self.bucket = bucket_of(self.jwt)

    def sign(self, **request):
        answer = call("/v1/urls:sign", request, self.jwt)
        self.assertEqual(answer.status_code, 200, answer.text)
        return answer.json()["urls"]

    def test_the_sdk_puts_and_gets_through_presigned_urls(self):
        put = self.sign(path="url.png", method="URL_METHOD_PUT", contentType="image/png")[0]
        self.assertEqual(self.bucket.put_object_with_url(put["url"], PICTURE, headers=put["headers"]).status, 200)
        get = self.sign(path="url.png", method="URL_METHOD_GET")[0]
        self.assertEqual(self.bucket.get_object_with_url(get["url"]).read(), PICTURE)
        other = put["url"].replace("/nina/", "/bob/")
        with self.assertRaises(oss2.exceptions.SignatureDoesNotMatch):
            self.bucket.put_object_with_url(other, PICTURE, headers=put["headers"])

    def test_a_form_puts_one_file_and_no_larger_one(self):
        form = call("/v1/forms:sign", {"path": "form.png", "contentType": "image/png", "maxLength": len(PICTURE)}, self.jwt).json()
        post = lambda data: requests.post(form["url"], data=form["fields"], files={"file": ("x.png", data, "image/png")}, timeout=10)
        self.assertEqual(post(PICTURE).status_code, 204)
        self.assertEqual(self.bucket.get_object("uploads/nina/form.png").read(), PICTURE)
        large = post(PICTURE + b"x")
        self.assertEqual((large.status_code, "EntityTooLarge" in large.text), (400, True))

    def test_a_multipart_upload_by_part_urls_alone(self):
        body = os.urandom(500_000)
        begun = self.sign(path="parts.bin", method="URL_METHOD_INITIATE_MULTIPART")[0]
        upload_id = re.search("<UploadId>(.*)</UploadId>", requests.post(begun["url"], headers=begun["headers"], timeout=10).text)[1]
        urls = self.sign(path="parts.bin", method="URL_METHOD_UPLOAD_PART", uploadId=upload_id, partNumbers=[1, 2])
        tags = [requests.put(url["url"], data=body[i * 250_000:(i + 1) * 250_000], timeout=10).headers["ETag"] for i, url in enumerate(urls)]
        end = self.sign(path="parts.bin", method="URL_METHOD_COMPLETE_MULTIPART", uploadId=upload_id)[0]
        xml = "".join(f"<Part><PartNumber>{i + 1}</PartNumber><ETag>{tag}</ETag></Part>" for i, tag in enumerate(tags))
        done = requests.post(end["url"], data=f"<CompleteMultipartUpload>{xml}</CompleteMultipartUpload>",
                             headers=end["headers"], timeout=10)
        self.assertEqual(done.status_code, 200, done.text)
        self.assertEqual(self.bucket.get_object("uploads/nina/parts.bin").read(), body)

    def test_a_picture_comes_back_smaller(self):
        self.bucket.put_object("uploads/nina/p.png", PICTURE)
        get = self.sign(path="p.png", method="URL_METHOD_GET", process="image/resize,w_16")[0]
        for small in (self.bucket.get_object_with_url(get["url"]).read(),
                      self.bucket.get_object("uploads/nina/p.png", process="image/resize,w_16").read()):
            self.assertEqual(struct.unpack(">I", small[16:20])[0], 16)
            self.assertLess(len(small), len(PICTURE))

    def test_a_ticket_reaches_its_subject_alone(self):
        ticket = call("/v1/tickets:issue", {"grant": "photos", "subject": "omar"}, jwt_of("web", role="backend")).json()["ticket"]
        token = requests.get(f"{HTTP}/get_sts_token", params={"ticket": ticket}, timeout=10).json()
        self.assertEqual(token["StatusCode"], 200, token)
        auth = oss2.StsAuth(token["AccessKeyId"], token["AccessKeySecret"], token["SecurityToken"], auth_version=oss2.AUTH_VERSION_4)
        bucket = oss2.Bucket(auth, os.environ["SLUICE_OSS"], "sluice-demo", region="cn-hangzhou")
        self.assertEqual(bucket.put_object("uploads/omar/a", b"x").status, 200)
        with self.assertRaises(oss2.exceptions.AccessDenied):
            bucket.put_object("uploads/nina/a", b"x")
        refused = requests.get(f"{HTTP}/get_sts_token", params={"ticket": ticket[:-4] + "AAAA"}, timeout=10)
        self.assertEqual((refused.status_code, json.loads(refused.text)["ErrorCode"]), (200, "TICKET_REJECTED"))


if __name__ == "__main__":
    unittest.main()
