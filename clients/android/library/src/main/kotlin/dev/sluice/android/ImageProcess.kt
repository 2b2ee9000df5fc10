// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import java.util.Base64

/** What OSS does to a picture before it shows it: `ImageProcess().resize(400).watermark("(c) Ada")`. Immutable. */
public class ImageProcess private constructor(internal val text: String) {
    public constructor() : this("image")

    /** At most [width] pixels wide. */
    public fun resize(width: Int): ImageProcess {
        require(width in 1..16384) { "a width is 1 to 16384 pixels, not $width" }
        return ImageProcess("$text/resize,w_$width")
    }

    /** A line of text in the lower right corner, [size] pixels high. */
    public fun watermark(line: String, size: Int = 40): ImageProcess {
        require(line.isNotEmpty() && line.toByteArray().size <= 64) { "a watermark is 1 to 64 bytes of text" }
        val encoded = Base64.getUrlEncoder().withoutPadding().encodeToString(line.toByteArray())
        return ImageProcess("$text/watermark,text_$encoded,size_$size,g_se")
    }
}
