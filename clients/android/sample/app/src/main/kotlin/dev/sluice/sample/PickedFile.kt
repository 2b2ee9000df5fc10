// SPDX-License-Identifier: Apache-2.0
package dev.sluice.sample

import android.content.ContentResolver
import android.content.Context
import android.net.Uri
import android.provider.OpenableColumns
import java.io.File
import java.io.IOException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext

/**
 * What the user picked, copied into the app: the right to read a picked document ends with the process, and an upload may not.
 */
class PickedFile(val file: File, val name: String, val contentType: String) {
    companion object {
        suspend fun copy(context: Context, from: Uri): PickedFile = withContext(Dispatchers.IO) {
            val resolver = context.contentResolver
            val name = nameOf(resolver, from).replace(Regex("[^A-Za-z0-9._-]"), "_")
            val directory = File(context.noBackupFilesDir, "picked").apply { mkdirs() }
            val file = File(directory, name)
            val source = resolver.openInputStream(from) ?: throw IOException("the picked document cannot be opened")
            source.use { bytes -> file.outputStream().use { bytes.copyTo(it) } }
            PickedFile(file, name, resolver.getType(from) ?: "application/octet-stream")
        }

        private fun nameOf(resolver: ContentResolver, uri: Uri): String =
            resolver.query(uri, arrayOf(OpenableColumns.DISPLAY_NAME), null, null, null)?.use { row ->
                if (row.moveToFirst()) row.getString(0) else null
            } ?: "picture"
    }
}
