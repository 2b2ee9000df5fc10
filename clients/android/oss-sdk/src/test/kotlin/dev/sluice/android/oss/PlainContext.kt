// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android.oss

import android.content.Context
import android.content.ContextWrapper
import android.content.SharedPreferences
import java.lang.reflect.Proxy
import java.util.concurrent.ConcurrentHashMap

/** What the OSS SDK asks of an app's context: itself, and preferences, where it remembers which upload it has begun. */
open class PlainContext : ContextWrapper(null) {
    private val values = ConcurrentHashMap<String, Any>()
    private val preferences = fake(SharedPreferences::class.java)

    override fun getApplicationContext(): Context = this
    override fun getSystemService(name: String): Any? = null
    override fun getSharedPreferences(name: String, mode: Int): SharedPreferences = preferences

    private fun <T> fake(type: Class<T>): T = type.cast(
        Proxy.newProxyInstance(type.classLoader, arrayOf(type)) { self, method, with ->
            when {
                method.name == "edit" -> fake(SharedPreferences.Editor::class.java)
                method.name == "contains" -> values.containsKey(with[0])
                method.name.startsWith("get") -> values[with[0] as String] ?: with[1]
                method.name == "commit" -> true
                method.name == "remove" -> self.also { values.remove(with[0] as String) }
                method.name.startsWith("put") -> self.also { values[with[0] as String] = with[1] }
                method.returnType == Void.TYPE -> null
                else -> self
            }
        },
    )
}
