pluginManagement {
    repositories {
        google()
        mavenCentral()
    }
}
dependencyResolutionManagement {
    repositories {
        // Where `mvn install` in the folder above puts the libraries.
        mavenLocal { content { includeGroup("dev.sluice") } }
        google()
        mavenCentral()
    }
}
rootProject.name = "sluice-sample"
include(":app")
