#!/usr/bin/env python3
"""The discarding OSS counts, sums and answers as the benchmark trusts it to. Needs bench-sink; `./dev bench gateway` runs it first."""
import http.client
import json
import pathlib
import re
import socket
import tempfile
import unittest

from stage import BENCH, Program


def crc64(data):
    """CRC-64/XZ, bit by bit."""
    crc = 2**64 - 1
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xC96C5795D7870F42 if crc & 1 else 0)
    return crc ^ (2**64 - 1)


class SinkTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        run = pathlib.Path(cls.folder.name)
        cls.sink = Program("sink", [BENCH / "bench-sink", "--ports-file", run / "ports"], run)
        cls.sink.await_ports(run / "ports")
        cls.connection = http.client.HTTPConnection("127.0.0.1", cls.sink.ports["oss"], timeout=10)

    @classmethod
    def tearDownClass(cls):
        cls.connection.close()
        cls.sink.stop()
        cls.folder.cleanup()

    def ask(self, method, target, body=None, headers=None, **more):
        self.connection.request(method, target, body, headers or {}, **more)
        answer = self.connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()

    def begin(self, path):
        status, _, body = self.ask("POST", path + "?uploads", headers={"x-oss-meta-sluice": "token"})
        self.assertEqual(status, 200)
        return re.search("<UploadId>(.*)</UploadId>", body).group(1)

    def put_part(self, path, upload, number, data):
        status, headers, _ = self.ask("PUT", f"{path}?partNumber={number}&uploadId={upload}", data)
        self.assertEqual((status, headers["x-oss-hash-crc64ecma"]), (200, str(crc64(data))))
        return headers["ETag"]

    def complete(self, path, upload, parts):
        body = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in parts)
        return self.ask("POST", f"{path}?uploadId={upload}", f"<CompleteMultipartUpload>{body}</CompleteMultipartUpload>")

    def test_an_object_has_its_crc_however_it_came(self):
        self.assertEqual(crc64(b"123456789"), 0x995DC9BBDF1939FA)
        for body, more in ((b"", {}), (b"123456789", {}), (b"x" * 5000, {}), (iter([b"1234", b"56789"]), {"encode_chunked": True})):
            whole = body if isinstance(body, bytes) else b"123456789"
            headers = {"Transfer-Encoding": "chunked"} if more else {}
            status, answer, _ = self.ask("PUT", "/bucket/one", body, headers, **more)
            self.assertEqual((status, answer["x-oss-hash-crc64ecma"]), (200, str(crc64(whole))))
            status, answer, _ = self.ask("HEAD", "/bucket/one")
            self.assertEqual((status, answer["Content-Length"], answer["x-oss-hash-crc64ecma"]), (200, str(len(whole)), str(crc64(whole))))
        self.assertEqual(self.ask("DELETE", "/bucket/one")[0], 204)
        self.assertEqual(self.ask("HEAD", "/bucket/one")[0], 404)

    def test_parts_become_an_object_whose_crc_is_that_of_all_bytes(self):
        upload = self.begin("/bucket/many")
        parts = [(1, b"a" * 1000), (3, b"b" * 17), (9, b"c" * 400)]
        etags = [(number, self.put_part("/bucket/many", upload, number, data)) for number, data in parts]

        _, _, listed = self.ask("GET", f"/bucket/many?uploadId={upload}&max-parts=2")
        self.assertEqual(re.findall("<PartNumber>(.*?)</PartNumber>", listed), ["1", "3"])
        self.assertEqual(re.findall("<HashCrc64ecma>(.*?)</HashCrc64ecma>", listed), [str(crc64(data)) for _, data in parts[:2]])
        self.assertIn("<IsTruncated>true</IsTruncated>", listed)
        _, _, listed = self.ask("GET", f"/bucket/many?uploadId={upload}&part-number-marker=3")
        self.assertEqual(re.findall("<Size>(.*?)</Size>", listed), ["400"])
        self.assertIn("<IsTruncated>false</IsTruncated>", listed)

        self.assertEqual(self.complete("/bucket/many", upload, [(1, '"OTHER"')])[0], 400)
        status, headers, body = self.complete("/bucket/many", upload, etags)
        self.assertEqual((status, headers["x-oss-hash-crc64ecma"]), (200, str(crc64(b"".join(data for _, data in parts)))))
        self.assertIn("-3", body)
        status, headers, _ = self.ask("HEAD", "/bucket/many")
        self.assertEqual((status, headers["Content-Length"], headers["x-oss-meta-sluice"]), (200, "1417", "token"))
        self.assertEqual(self.complete("/bucket/many", upload, etags)[0], 404)

    def test_another_keys_upload_and_an_aborted_one_do_not_exist(self):
        upload = self.begin("/bucket/mine")
        self.assertEqual(self.ask("PUT", f"/bucket/yours?partNumber=1&uploadId={upload}", b"x")[0], 404)
        self.assertEqual(self.ask("PUT", f"/bucket/mine?partNumber=10001&uploadId={upload}", b"x")[0], 400)
        self.assertEqual(self.ask("DELETE", f"/bucket/mine?uploadId={upload}")[0], 204)
        self.assertEqual(self.ask("GET", f"/bucket/mine?uploadId={upload}")[0], 404)

    def test_every_request_is_counted_once(self):
        before = json.loads(self.ask("GET", "/-/stats")[2])
        self.ask("PUT", "/bucket/counted", b"12345")
        self.ask("PATCH", "/bucket/counted")
        after = json.loads(self.ask("GET", "/-/stats")[2])
        self.assertEqual({kind: after[kind] - before[kind] for kind in after if after[kind] != before[kind]}, {"put": 1, "other": 1, "bytes": 5})

    def test_requests_may_come_together_and_in_pieces(self):
        with socket.create_connection(("127.0.0.1", self.sink.ports["oss"]), timeout=10) as raw:
            text = b"PUT /b/1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcPUT /b/2 HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nde\r\n1\r\nf\r\n0\r\nT: x\r\n\r\n"
            for byte in range(len(text)):
                raw.sendall(text[byte:byte + 1])
            came = b""
            while more := raw.recv(4096):
                came += more
        self.assertEqual([int(one) for one in re.findall(rb"ecma: (\d+)", came)], [crc64(b"abc"), crc64(b"def")])

    def test_nonsense_ends_its_connection_and_nothing_else(self):
        for text in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"PUT /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                     b"PUT /x HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", b"GET %zz HTTP/1.1\r\n\r\n",
                     b"PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
                     b"GET /" + b"x" * 70_000, b"PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 5000):
            with socket.create_connection(("127.0.0.1", self.sink.ports["oss"]), timeout=10) as raw:
                try:
                    raw.sendall(text)
                    self.assertEqual(raw.recv(4096), b"", text[:40])
                except ConnectionResetError:
                    pass
        self.assertEqual(self.ask("GET", "/-/stats")[0], 200)


if __name__ == "__main__":
    unittest.main()
