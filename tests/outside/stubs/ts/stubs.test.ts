import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { ErrorInfoSchema } from "./stubs/google/rpc/error_details_pb.js";
import { Operation } from "./stubs/sluice/token/v1/scope_pb.js";
import { TokenBroker, UrlMethod } from "./stubs/sluice/token/v1/token_broker_pb.js";
import { type UploadedObject, UploadGateway, UploadRequestSchema } from "./stubs/sluice/upload/v1/upload_gateway_pb.js";

const MiB = 1 << 20;
const GATEWAY_AUDIENCE = "sluice-gateway";

const connections: Http2SessionManager[] = [];
after(() => connections.forEach((connection) => connection.abort()));

function environment(name: string): string {
  return process.env[name] ?? assert.fail(`${name} is not set; run by with_services.sh`);
}

async function get(url: string): Promise<Uint8Array> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(60_000) });
  assert.equal(answer.status, 200);
  return new Uint8Array(await answer.arrayBuffer());
}

/** A connection of its own to the address in a variable, whose calls carry the proof of one caller. */
async function connect(variable: string, subject: string, audience: string) {
  const jwt = new TextDecoder().decode(await get(`${environment("SLUICE_IDENTITY")}/token?subject=${subject}&audience=${audience}`)).trim();
  const prove: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${jwt}`);
    return next(request);
  };
  const baseUrl = `http://${environment(variable)}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  connections.push(sessionManager);
  const transport = createGrpcTransport({ baseUrl, sessionManager, interceptors: [prove], defaultTimeoutMs: 120_000 });
  return { transport, cut: () => sessionManager.abort() };
}

async function broker(subject: string) {
  return createClient(TokenBroker, (await connect("SLUICE_BROKER", subject, "sluice")).transport);
}

async function gateway(subject: string, audience: string) {
  return createClient(UploadGateway, (await connect("SLUICE_GATEWAY", subject, audience)).transport);
}

type Message = MessageInitShape<typeof UploadRequestSchema>;

function* chunks(bytes: Uint8Array, from: number, to: number): Generator<Message> {
  for (let offset = from; offset < to; offset += MiB) {
    const data = bytes.subarray(offset, Math.min(offset + MiB, to));
    yield { message: { case: "chunk", value: { offset: BigInt(offset), data } } };
  }
}

/** The code and the reason of the refusal that a call must meet. */
async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (refused) {
    assert.ok(refused instanceof ConnectError);
    const info = refused.findDetails(ErrorInfoSchema)[0];
    assert.equal(info?.domain, "sluice");
    return `${Code[refused.code]} ${info.reason}`;
  }
  assert.fail("it was not refused");
}

test("a token reaches the prefix of its caller only", async () => {
  const token = await (await broker("peggy")).issueToken({ operations: [Operation.UPLOAD] });
  assert.match(token.credentials?.accessKeyId ?? "", /^STS\./);
  assert.deepEqual(token.scope?.target, { case: "prefix", value: "uploads/peggy/" });
  assert.deepEqual(token.scope?.operations, [Operation.UPLOAD]);
});

test("an upload that was cut goes on and every byte arrives", async () => {
  const picture = Uint8Array.from({ length: 6 * MiB + 12345 }, (_, i) => (i * 2654435761) >>> 24);

  const { transport, cut } = await connect("SLUICE_GATEWAY", "peggy", GATEWAY_AUDIENCE);
  let stop = () => {};
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  async function* firstHalf(): AsyncGenerator<Message> {
    const value = { path: "ts/cut.jpg", sizeBytes: BigInt(picture.length), contentType: "image/jpeg", overwrite: true };
    yield { message: { case: "start", value } };
    yield* chunks(picture, 0, 3 * MiB);
    await stopped;
  }
  let uploadId = "";
  let acknowledged = 0n;
  await assert.rejects(async () => {
    for await (const answer of createClient(UploadGateway, transport).upload(firstHalf())) {
      uploadId ||= answer.started?.uploadId ?? "";
      acknowledged = answer.committedBytes;
      if (acknowledged > 0n) cut();
    }
  }, ConnectError);
  stop();

  const again = await gateway("peggy", GATEWAY_AUDIENCE);
  const { committedBytes } = await again.getUpload({ uploadId });
  assert.ok(acknowledged > 0n && committedBytes >= acknowledged && committedBytes <= 3n * BigInt(MiB), `committed ${committedBytes}`);

  let tellFrom = (_: bigint) => {};
  const from = new Promise<bigint>((resolve) => (tellFrom = resolve));
  async function* secondHalf(): AsyncGenerator<Message> {
    yield { message: { case: "uploadId", value: uploadId } };
    yield* chunks(picture, Number(await from), picture.length);
    yield { message: { case: "finish", value: {} } };
  }
  let object: UploadedObject | undefined;
  for await (const answer of again.upload(secondHalf())) {
    tellFrom(answer.committedBytes);
    object = answer.object;
  }
  assert.ok((await from) >= committedBytes, `goes on from ${await from}`);
  assert.equal(object?.sizeBytes, BigInt(picture.length));

  const signed = await (await broker("peggy")).signUrl({ path: "ts/cut.jpg", method: UrlMethod.GET });
  assert.ok(Buffer.from(picture).equals(await get(signed.urls[0]?.url ?? "")));
});

test("an upload of somebody else does not exist", async () => {
  const { uploadId } = await (await gateway("peggy", GATEWAY_AUDIENCE)).startUpload({ path: "ts/mine.jpg" });
  const mallory = await gateway("mallory", GATEWAY_AUDIENCE);
  assert.equal(await refusal(mallory.getUpload({ uploadId })), "NotFound UPLOAD_NOT_FOUND");
});

test("a token for another service is refused", async () => {
  const wrong = await gateway("peggy", "sluice");
  assert.equal(await refusal(wrong.startUpload({ path: "ts/no.jpg" })), "Unauthenticated TOKEN_REJECTED");
});
