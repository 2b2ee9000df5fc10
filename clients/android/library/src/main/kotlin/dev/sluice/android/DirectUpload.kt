// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import java.io.File
import kotlinx.coroutines.flow.Flow

/** Puts a file into OSS without the gateway, with a token of the broker. The events are as [UploadEvent] promises. */
public interface DirectUpload {
    /** Cold: each collection uploads, and goes on where an earlier one of the same file and order was cut. */
    public fun upload(file: File, order: UploadOrder): Flow<UploadEvent>
}
