"""The stubs of ./dev stubs python get a token and upload, against real services; `stubs` beside it is on the path."""
import os
import queue
import random
import unittest
import urllib.request

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from sluice.token.v1 import scope_pb2, token_broker_pb2, token_broker_pb2_grpc
from sluice.upload.v1 import upload_gateway_pb2, upload_gateway_pb2_grpc

MIB = 1 << 20
GATEWAY_AUDIENCE = "sluice-gateway"


def get(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()


def proof(subject, audience):
    jwt = get(f"{os.environ['SLUICE_IDENTITY']}/token?subject={subject}&audience={audience}").decode().strip()
    return (("authorization", "Bearer " + jwt),)


def chunks(data, begin, end):
    for offset in range(begin, end, MIB):
        chunk = upload_gateway_pb2.Chunk(offset=offset, data=data[offset:min(offset + MIB, end)])
        yield upload_gateway_pb2.UploadRequest(chunk=chunk)


class StubsTest(unittest.TestCase):
    def connect(self, variable):
        channel = grpc.insecure_channel(os.environ[variable])
        self.addCleanup(channel.close)
        return channel

    def broker(self):
        return token_broker_pb2_grpc.TokenBrokerStub(self.connect("SLUICE_BROKER"))

    def gateway(self):
        return upload_gateway_pb2_grpc.UploadGatewayStub(self.connect("SLUICE_GATEWAY"))

    def refusal(self, call, request, metadata):
        """The code and the reason of the refusal that a call must meet."""
        with self.assertRaises(grpc.RpcError) as refused:
            call(request, metadata=metadata, timeout=60)
        info = error_details_pb2.ErrorInfo()
        self.assertTrue(rpc_status.from_call(refused.exception).details[0].Unpack(info))
        self.assertEqual(info.domain, "sluice")
        return f"{refused.exception.code().name} {info.reason}"

    def test_a_token_reaches_the_prefix_of_its_caller_only(self):
        request = token_broker_pb2.IssueTokenRequest(operations=[scope_pb2.OPERATION_UPLOAD])
        token = self.broker().IssueToken(request, metadata=proof("victor", "sluice"), timeout=60)
        self.assertTrue(token.credentials.access_key_id.startswith("STS."))
        self.assertEqual(token.scope.prefix, "uploads/victor/")
        self.assertEqual(list(token.scope.operations), [scope_pb2.OPERATION_UPLOAD])

    def test_an_upload_that_was_cut_goes_on_and_every_byte_arrives(self):
        picture = random.Random(1).randbytes(6 * MIB + 12345)
        victor = proof("victor", GATEWAY_AUDIENCE)

        channel = self.connect("SLUICE_GATEWAY")
        more = queue.SimpleQueue()
        self.addCleanup(more.put, None)

        def first_half():
            start = upload_gateway_pb2.StartUploadRequest(path="python/cut.jpg", size_bytes=len(picture), content_type="image/jpeg", overwrite=True)
            yield upload_gateway_pb2.UploadRequest(start=start)
            yield from chunks(picture, 0, 3 * MIB)
            more.get()

        upload_id, acknowledged = "", 0
        for answer in upload_gateway_pb2_grpc.UploadGatewayStub(channel).Upload(first_half(), metadata=victor, timeout=120):
            upload_id = upload_id or answer.started.upload_id
            acknowledged = answer.committed_bytes
            if acknowledged:
                break
        channel.close()

        gateway = self.gateway()
        committed = gateway.GetUpload(upload_gateway_pb2.GetUploadRequest(upload_id=upload_id), metadata=victor, timeout=60).committed_bytes
        self.assertTrue(0 < acknowledged <= committed <= 3 * MIB, (acknowledged, committed))

        told = queue.SimpleQueue()

        def second_half():
            yield upload_gateway_pb2.UploadRequest(upload_id=upload_id)
            yield from chunks(picture, told.get(timeout=60), len(picture))
            yield upload_gateway_pb2.UploadRequest(finish=upload_gateway_pb2.Finish())

        answers = gateway.Upload(second_half(), metadata=victor, timeout=120)
        first = next(answers)
        self.assertGreaterEqual(first.committed_bytes, committed)
        told.put(first.committed_bytes)
        *_, last = answers
        self.assertEqual(last.object.size_bytes, len(picture))

        request = token_broker_pb2.SignUrlRequest(path="python/cut.jpg", method=token_broker_pb2.URL_METHOD_GET)
        signed = self.broker().SignUrl(request, metadata=proof("victor", "sluice"), timeout=60)
        self.assertTrue(get(signed.urls[0].url) == picture)

    def test_an_upload_of_somebody_else_does_not_exist(self):
        gateway = self.gateway()
        request = upload_gateway_pb2.StartUploadRequest(path="python/mine.jpg")
        started = gateway.StartUpload(request, metadata=proof("victor", GATEWAY_AUDIENCE), timeout=60)
        request = upload_gateway_pb2.GetUploadRequest(upload_id=started.upload_id)
        self.assertEqual(self.refusal(gateway.GetUpload, request, proof("mallory", GATEWAY_AUDIENCE)), "NOT_FOUND UPLOAD_NOT_FOUND")

    def test_a_token_for_another_service_is_refused(self):
        request = upload_gateway_pb2.StartUploadRequest(path="python/no.jpg")
        self.assertEqual(self.refusal(self.gateway().StartUpload, request, proof("victor", "sluice")), "UNAUTHENTICATED TOKEN_REJECTED")


if __name__ == "__main__":
    unittest.main()
