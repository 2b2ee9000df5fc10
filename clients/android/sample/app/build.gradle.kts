plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
}

android {
    namespace = "dev.sluice.sample"
    compileSdk = 35
    defaultConfig {
        applicationId = "dev.sluice.sample"
        minSdk = 26
        targetSdk = 35
        versionCode = 1
        versionName = "0.1.0"
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }
    kotlin { compilerOptions { jvmTarget.set(org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_11) } }
    packaging { resources.excludes += setOf("META-INF/*.kotlin_module", "google/protobuf/*.proto") }
}

dependencies {
    implementation("dev.sluice:sluice-android:0.1.0")
    implementation("dev.sluice:sluice-android-oss:0.1.0")
    implementation("com.aliyun.dpa:oss-android-sdk:2.9.21")
    implementation("org.jetbrains.kotlinx:kotlinx-coroutines-android:1.10.2")
}
