// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import com.google.protobuf.Duration as WireDuration
import dev.sluice.token.v1.IssueTokenRequest
import dev.sluice.token.v1.IssueTokenResponse
import dev.sluice.token.v1.ListGrantsRequest
import dev.sluice.token.v1.ListGrantsResponse
import dev.sluice.token.v1.PlanUploadRequest
import dev.sluice.token.v1.PlanUploadResponse
import dev.sluice.token.v1.SignUrlRequest
import dev.sluice.token.v1.SignUrlResponse
import dev.sluice.token.v1.TokenBrokerGrpcKt.TokenBrokerCoroutineStub
import dev.sluice.token.v1.UrlMethod
import io.grpc.Channel
import io.grpc.stub.MetadataUtils
import java.util.concurrent.TimeUnit
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/**
 * The token broker's methods with the caller's proof, a deadline and typed failures. Thread-safe. Nothing is retried here but one thing: a
 * JWT that the broker refused is asked for anew, once.
 */
public class TokenBroker(
    channel: Channel,
    private val bearer: BearerSource,
    private val deadline: Duration = 10.seconds,
) : TokenIssuer {
    private val stub = TokenBrokerCoroutineStub(channel)

    override suspend fun issueToken(request: IssueTokenRequest): IssueTokenResponse = call { it.issueToken(request) }

    public suspend fun signUrl(request: SignUrlRequest): SignUrlResponse = call { it.signUrl(request) }

    public suspend fun planUpload(request: PlanUploadRequest): PlanUploadResponse = call { it.planUpload(request) }

    public suspend fun listGrants(): ListGrantsResponse = call { it.listGrants(ListGrantsRequest.getDefaultInstance()) }

    /** A URL that shows one object for [ttl], as it is or through [process]; to be kept out of logs. */
    public suspend fun viewUrl(path: String, process: ImageProcess? = null, grant: String = "", ttl: Duration = 15.minutes): String =
        signUrl(
            SignUrlRequest.newBuilder()
                .setMethod(UrlMethod.URL_METHOD_GET)
                .setGrant(grant)
                .setPath(path)
                .setProcess(process?.text.orEmpty())
                .setTtl(WireDuration.newBuilder().setSeconds(ttl.inWholeSeconds))
                .build(),
        ).getUrls(0).url

    private suspend fun <T> call(method: suspend (TokenBrokerCoroutineStub) -> T): T = bearer.proving { jwt ->
        method(
            stub.withDeadlineAfter(deadline.inWholeMilliseconds, TimeUnit.MILLISECONDS)
                .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(callHeaders(jwt, subjectOf(jwt)))),
        )
    }
}
