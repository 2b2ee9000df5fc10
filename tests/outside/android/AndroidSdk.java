// SPDX-License-Identifier: Apache-2.0
// The unmodified classes of the OSS Android SDK, on a plain JVM with Android's own classes, against the sandbox with an `sts_url`.
import com.alibaba.sdk.android.oss.ClientConfiguration;
import com.alibaba.sdk.android.oss.ClientException;
import com.alibaba.sdk.android.oss.OSSClient;
import com.alibaba.sdk.android.oss.ServiceException;
import com.alibaba.sdk.android.oss.common.auth.OSSAuthCredentialsProvider;
import com.alibaba.sdk.android.oss.common.auth.OSSFederationToken;
import com.alibaba.sdk.android.oss.model.GetObjectRequest;
import com.alibaba.sdk.android.oss.model.PutObjectRequest;
import com.alibaba.sdk.android.oss.model.ResumableUploadRequest;
import com.alibaba.sdk.android.oss.signer.SignVersion;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

public final class AndroidSdk {
  private static final String BUCKET = "sluice-demo";
  private static int passed = 0;

  // What the SDK asks of an app's context: itself, and nothing else here.
  private static final class PlainContext extends android.content.ContextWrapper {
    PlainContext() { super(null); }
    @Override public android.content.Context getApplicationContext() { return this; }
    @Override public Object getSystemService(String name) { return null; }
    @Override public android.content.SharedPreferences getSharedPreferences(String name, int mode) { return PREFERENCES; }
  }

  // An app's preferences, in memory: the SDK remembers there which upload it has begun.
  private static final java.util.Map<String, Object> VALUES = new java.util.concurrent.ConcurrentHashMap<>();
  private static final android.content.SharedPreferences PREFERENCES = fake(android.content.SharedPreferences.class);

  private static <T> T fake(Class<T> type) {
    return type.cast(java.lang.reflect.Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (self, method, with) -> {
      String name = method.getName();
      if (name.equals("edit")) return fake(android.content.SharedPreferences.Editor.class);
      if (name.equals("contains")) return VALUES.containsKey(with[0]);
      if (name.startsWith("get")) return VALUES.getOrDefault(with[0], with[1]);
      if (name.equals("commit")) return true;
      if (name.equals("remove")) VALUES.remove(with[0]);
      if (name.startsWith("put")) VALUES.put((String) with[0], with[1]);
      return method.getReturnType() == void.class ? null : self;
    }));
  }

  private static void check(boolean holds, String claim) {
    if (!holds) throw new AssertionError(claim);
    System.out.println("ok " + ++passed + " - " + claim);
  }

  private static OSSClient client(OSSAuthCredentialsProvider provider, SignVersion version) {
    ClientConfiguration configuration = ClientConfiguration.getDefaultConf();
    configuration.setPathStyleAccessEnable(true);
    configuration.setCustomCnameExcludeList(java.util.List.of("127.0.0.1"));
    configuration.setMaxErrorRetry(1);
    configuration.setSignVersion(version);
    configuration.setCheckCRC64(true);
    OSSClient client = new OSSClient(new PlainContext(), System.getenv("SLUICE_OSS"), provider, configuration);
    client.setRegion("cn-hangzhou");
    return client;
  }

  private static byte[] read(OSSClient client, String key) throws Exception {
    try (InputStream in = client.getObject(new GetObjectRequest(BUCKET, key)).getObjectContent()) {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      in.transferTo(out);
      return out.toByteArray();
    }
  }

  public static void main(String[] arguments) throws Exception {
    String stsUrl = arguments[0];
    OSSAuthCredentialsProvider provider = new OSSAuthCredentialsProvider(stsUrl);

    OSSFederationToken first = provider.getValidFederationToken();
    check(first.getTempAK().startsWith("STS.") && first.getExpiration() * 1000 > System.currentTimeMillis() + 600_000,
          "the stock provider fetches a token that lives ten minutes at least");
    check(provider.getValidFederationToken() == first, "a token with life left is not fetched again");
    first.setExpiration(System.currentTimeMillis() / 1000 + 299);
    OSSFederationToken second = provider.getValidFederationToken();
    check(second != first && second.getExpiration() * 1000 > System.currentTimeMillis() + 600_000,
          "with less than five minutes left the provider fetches anew, and gets one that lives ten minutes at least");
    check(second.getTempAK().equals(first.getTempAK()), "the broker gives the token that it has while that is so");

    try {
      new OSSAuthCredentialsProvider(stsUrl.substring(0, stsUrl.length() - 3) + "AAA").getFederationToken();
      check(false, "a forged ticket gives no token");
    } catch (ClientException refused) {
      check(refused.getMessage().contains("TICKET_REJECTED"), "a forged ticket's reason reaches the app");
    }

    byte[] text = "from android".getBytes();
    for (SignVersion version : SignVersion.values()) {
      OSSClient client = client(provider, version);
      client.putObject(new PutObjectRequest(BUCKET, "uploads/droid/" + version + ".txt", text));
      check(Arrays.equals(read(client, "uploads/droid/" + version + ".txt"), text), "put and get with signature " + version);
      try {
        client.putObject(new PutObjectRequest(BUCKET, "uploads/bob/x.txt", text));
        check(false, "Bob's prefix is shut");
      } catch (ServiceException denied) {
        check(denied.getStatusCode() == 403 && "AccessDenied".equals(denied.getErrorCode()), "Bob's prefix is shut, signature " + version);
      }
    }

    // Cancelled midway, then gone on with: the record file and ListParts do it.
    byte[] large = new byte[2_000_000];
    new Random(7).nextBytes(large);
    Path file = Files.createTempFile("sluice", ".bin");
    Path records = Files.createTempDirectory("sluice-records");
    Files.write(file, large);
    OSSClient client = client(provider, SignVersion.V4);
    AtomicReference<com.alibaba.sdk.android.oss.internal.OSSAsyncTask<?>> task = new AtomicReference<>();
    ResumableUploadRequest begun = resumable(file, records);
    begun.setProgressCallback((request, current, total) -> {
      if (current > total / 3 && task.get() != null) task.get().cancel();
    });
    var running = client.asyncResumableUpload(begun, null);
    task.set(running);
    try {
      running.getResult();
    } catch (ClientException cancelled) {
      // As asked for; a quick machine may finish before.
    }
    AtomicLong firstSeen = new AtomicLong(-1);
    ResumableUploadRequest resumed = resumable(file, records);
    resumed.setProgressCallback((request, current, total) -> firstSeen.compareAndSet(-1, current));
    client.resumableUpload(resumed);
    check(Arrays.equals(read(client, "uploads/droid/large.bin"), large), "a resumable upload that was cancelled is finished");
    System.out.println("  the second run began at byte " + firstSeen.get());

    Files.delete(file);
    System.out.println("# pass " + passed);
    System.exit(0);
  }

  private static ResumableUploadRequest resumable(Path file, Path records) {
    ResumableUploadRequest request = new ResumableUploadRequest(BUCKET, "uploads/droid/large.bin", file.toString(), records.toString());
    request.setPartSize(200 * 1024);
    request.setDeleteUploadOnCancelling(false);
    return request;
  }
}
