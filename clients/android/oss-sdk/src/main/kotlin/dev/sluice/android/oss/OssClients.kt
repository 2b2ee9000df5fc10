// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android.oss

import android.content.Context
import com.alibaba.sdk.android.oss.ClientConfiguration
import com.alibaba.sdk.android.oss.OSS
import com.alibaba.sdk.android.oss.OSSClient
import com.alibaba.sdk.android.oss.signer.SignVersion
import dev.sluice.token.v1.Scope
import java.net.URI

/** The stock SDK's client for what a token reaches: signature V4, CRC-64 checked. */
public fun ossClient(context: Context, credentials: SluiceCredentialProvider, scope: Scope): OSS {
    val configuration = ClientConfiguration.getDefaultConf().apply {
        signVersion = SignVersion.V4
        isCheckCRC64 = true
        val host = URI(scope.endpoint).host
        // A sandbox by its address: such a host cannot carry the bucket's name.
        if (host == "localhost" || host.all { it.isDigit() || it == '.' }) {
            isPathStyleAccessEnable = true
            customCnameExcludeList = listOf(host)
        }
    }
    return OSSClient(context, scope.endpoint, credentials, configuration).apply { setRegion(scope.region) }
}
