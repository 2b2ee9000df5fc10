import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import com.google.rpc.ErrorInfo;
import dev.sluice.token.v1.IssueTokenRequest;
import dev.sluice.token.v1.IssueTokenResponse;
import dev.sluice.token.v1.Operation;
import dev.sluice.token.v1.SignUrlRequest;
import dev.sluice.token.v1.TokenBrokerGrpc;
import dev.sluice.token.v1.UrlMethod;
import dev.sluice.upload.v1.Chunk;
import dev.sluice.upload.v1.Finish;
import dev.sluice.upload.v1.GetUploadRequest;
import dev.sluice.upload.v1.StartUploadRequest;
import dev.sluice.upload.v1.UploadGatewayGrpc;
import dev.sluice.upload.v1.UploadRequest;
import dev.sluice.upload.v1.UploadResponse;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.AbstractStub;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class StubsTest {
  private static final int MIB = 1 << 20;
  private static final String GATEWAY_AUDIENCE = "sluice-gateway";

  private final List<ManagedChannel> channels = new ArrayList<>();

  @AfterEach
  void closeChannels() {
    channels.forEach(ManagedChannel::shutdownNow);
  }

  @Test
  void tokenReachesThePrefixOfItsCallerOnly() throws Exception {
    IssueTokenResponse token = broker("judy").issueToken(
        IssueTokenRequest.newBuilder().addOperations(Operation.OPERATION_UPLOAD).build());
    assertTrue(token.getCredentials().getAccessKeyId().startsWith("STS."));
    assertEquals("uploads/judy/", token.getScope().getPrefix());
    assertEquals(List.of(Operation.OPERATION_UPLOAD), token.getScope().getOperationsList());
  }

  @Test
  void uploadThatWasCutGoesOnAndEveryByteArrives() throws Exception {
    byte[] picture = new byte[6 * MIB + 12345];
    new Random(1).nextBytes(picture);

    ManagedChannel before = connect("SLUICE_GATEWAY");
    UploadStream cut = new UploadStream(UploadGatewayGrpc.newStub(before), proof("judy", GATEWAY_AUDIENCE));
    cut.send(UploadRequest.newBuilder().setStart(StartUploadRequest.newBuilder()
        .setPath("java/cut.jpg").setSizeBytes(picture.length).setContentType("image/jpeg").setOverwrite(true)).build());
    cut.sendBytes(picture, 0, 3 * MIB);
    String uploadId = cut.next().getStarted().getUploadId();
    long acknowledged = 0;
    while (acknowledged == 0) {
      acknowledged = cut.next().getCommittedBytes();
    }
    before.shutdownNow();

    ManagedChannel after = connect("SLUICE_GATEWAY");
    long committed = as(UploadGatewayGrpc.newBlockingStub(after), "judy", GATEWAY_AUDIENCE)
        .getUpload(GetUploadRequest.newBuilder().setUploadId(uploadId).build()).getCommittedBytes();
    assertTrue(committed >= acknowledged && committed <= 3 * MIB, "committed " + committed);

    UploadStream resumed = new UploadStream(UploadGatewayGrpc.newStub(after), proof("judy", GATEWAY_AUDIENCE));
    resumed.send(UploadRequest.newBuilder().setUploadId(uploadId).build());
    long from = resumed.next().getCommittedBytes();
    assertTrue(from >= committed, "goes on from " + from);
    resumed.sendBytes(picture, (int) from, picture.length);
    resumed.send(UploadRequest.newBuilder().setFinish(Finish.getDefaultInstance()).build());
    UploadResponse last = resumed.next();
    while (!last.hasObject()) {
      last = resumed.next();
    }
    assertEquals(picture.length, last.getObject().getSizeBytes());

    assertArrayEquals(picture, download("judy", "java/cut.jpg"));
  }

  @Test
  void uploadOfSomebodyElseDoesNotExist() throws Exception {
    String uploadId = gateway("judy", GATEWAY_AUDIENCE)
        .startUpload(StartUploadRequest.newBuilder().setPath("java/mine.jpg").build()).getUploadId();
    var gateway = gateway("mallory", GATEWAY_AUDIENCE);
    assertEquals("NOT_FOUND UPLOAD_NOT_FOUND",
        refusal(() -> gateway.getUpload(GetUploadRequest.newBuilder().setUploadId(uploadId).build())));
  }

  @Test
  void tokenForAnotherServiceIsRefused() throws Exception {
    var gateway = gateway("judy", "sluice");
    assertEquals("UNAUTHENTICATED TOKEN_REJECTED",
        refusal(() -> gateway.startUpload(StartUploadRequest.newBuilder().setPath("java/no.jpg").build())));
  }

  private TokenBrokerGrpc.TokenBrokerBlockingStub broker(String subject) throws Exception {
    return as(TokenBrokerGrpc.newBlockingStub(connect("SLUICE_BROKER")), subject, "sluice");
  }

  private UploadGatewayGrpc.UploadGatewayBlockingStub gateway(String subject, String audience) throws Exception {
    return as(UploadGatewayGrpc.newBlockingStub(connect("SLUICE_GATEWAY")), subject, audience);
  }

  private ManagedChannel connect(String variable) {
    ManagedChannel channel = Grpc.newChannelBuilder(System.getenv(variable), InsecureChannelCredentials.create()).build();
    channels.add(channel);
    return channel;
  }

  private static <S extends AbstractStub<S>> S as(S stub, String subject, String audience) throws Exception {
    return stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(proof(subject, audience)))
        .withDeadlineAfter(60, TimeUnit.SECONDS);
  }

  private static Metadata proof(String subject, String audience) throws Exception {
    byte[] jwt = get(System.getenv("SLUICE_IDENTITY") + "/token?subject=" + subject + "&audience=" + audience);
    Metadata metadata = new Metadata();
    metadata.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + new String(jwt).trim());
    return metadata;
  }

  private byte[] download(String subject, String path) throws Exception {
    return get(broker(subject).signUrl(
        SignUrlRequest.newBuilder().setPath(path).setMethod(UrlMethod.URL_METHOD_GET).build()).getUrls(0).getUrl());
  }

  private static byte[] get(String url) throws Exception {
    HttpResponse<byte[]> answer = HttpClient.newHttpClient()
        .send(HttpRequest.newBuilder(URI.create(url)).build(), HttpResponse.BodyHandlers.ofByteArray());
    assertEquals(200, answer.statusCode());
    return answer.body();
  }

  /** The code and the reason of the refusal that a call must meet. */
  private static String refusal(Executable call) throws Exception {
    com.google.rpc.Status status = StatusProto.fromThrowable(assertThrows(StatusRuntimeException.class, call));
    ErrorInfo info = status.getDetails(0).unpack(ErrorInfo.class);
    assertEquals("sluice", info.getDomain());
    return io.grpc.Status.fromCodeValue(status.getCode()).getCode() + " " + info.getReason();
  }

  /** One stream of an upload, of which what the gateway says can be waited for. */
  private static final class UploadStream implements StreamObserver<UploadResponse> {
    private final BlockingQueue<Object> said = new LinkedBlockingQueue<>();
    private final StreamObserver<UploadRequest> out;

    UploadStream(UploadGatewayGrpc.UploadGatewayStub gateway, Metadata proof) {
      out = gateway.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(proof)).upload(this);
    }

    void send(UploadRequest message) {
      out.onNext(message);
    }

    void sendBytes(byte[] data, int from, int to) {
      for (int offset = from; offset < to; offset += MIB) {
        send(UploadRequest.newBuilder().setChunk(Chunk.newBuilder().setOffset(offset)
            .setData(ByteString.copyFrom(data, offset, Math.min(MIB, to - offset)))).build());
      }
    }

    UploadResponse next() throws Exception {
      Object answer = said.poll(60, TimeUnit.SECONDS);
      if (answer instanceof UploadResponse response) {
        return response;
      }
      throw new AssertionError("instead of an answer: " + answer, answer instanceof Throwable cause ? cause : null);
    }

    @Override
    public void onNext(UploadResponse response) {
      said.add(response);
    }

    @Override
    public void onError(Throwable failure) {
      said.add(failure);
    }

    @Override
    public void onCompleted() {
      said.add("the end of the stream");
    }
  }
}
