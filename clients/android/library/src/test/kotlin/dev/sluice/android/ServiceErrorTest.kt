// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import io.grpc.Status
import io.grpc.Status.Code
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertNull
import kotlin.time.Duration.Companion.milliseconds

class ServiceErrorTest {
    @Test
    fun `a refusal with time to wait is retryable and carries all that was said`() {
        val failure = sluiceException(refusal(Code.RESOURCE_EXHAUSTED, "STS_BUDGET_SPENT", 1_500.milliseconds, "your place is kept"))

        assertIs<SluiceException.Retryable>(failure)
        assertEquals("STS_BUDGET_SPENT", failure.reason)
        assertEquals(1_500.milliseconds, failure.retryAfter)
        assertEquals("your place is kept", failure.message)
        assertEquals("request-7", failure.requestId)
    }

    @Test
    fun `a refusal that stays is fatal`() {
        for (code in listOf(Code.PERMISSION_DENIED, Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION, Code.UNAUTHENTICATED, Code.INTERNAL))
            assertIs<SluiceException.Fatal>(sluiceException(refusal(code, "SOME_REASON")), "$code")
    }

    @Test
    fun `without a reason a broken connection is retryable and a stranger is not`() {
        for (code in listOf(Code.UNAVAILABLE, Code.INTERNAL, Code.UNKNOWN, Code.CANCELLED, Code.DEADLINE_EXCEEDED))
            assertIs<SluiceException.Retryable>(sluiceException(code.toStatus().asException()), "$code")
        for (code in listOf(Code.UNIMPLEMENTED, Code.UNAUTHENTICATED, Code.PERMISSION_DENIED))
            assertIs<SluiceException.Fatal>(sluiceException(code.toStatus().asException()), "$code")
        assertEquals("REQUEST_TOO_LARGE", sluiceException(Status.RESOURCE_EXHAUSTED.asException())!!.reason)
    }

    @Test
    fun `what is no answer of gRPC is none of ours`() {
        assertNull(sluiceException(IllegalStateException()))
    }
}
