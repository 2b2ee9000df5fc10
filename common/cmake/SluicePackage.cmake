# `cmake --install build/release --component sluice`: what find_package(Sluice) finds, `sluice::client` and `sluice::signing`, with the headers
# that they include and the libraries below them.
include(CMakePackageConfigHelpers)
set(SLUICE_PACKAGE lib/cmake/Sluice)
install(TARGETS sluice_client sluice_transfer sluice_signing sluice_aliyun sluice_telemetry sluice_http_message sluice_crypto sluice_base
                sluice_proto_rpc sluice_proto_options sluice_proto_token sluice_proto_upload sluice_build_flags
        EXPORT SluiceTargets ARCHIVE DESTINATION lib COMPONENT sluice)
install(EXPORT SluiceTargets NAMESPACE sluice:: DESTINATION ${SLUICE_PACKAGE} COMPONENT sluice)
foreach(folder common/base common/crypto common/http common/aliyun common/telemetry common/reasons clients/cpp)
  install(DIRECTORY ${folder} DESTINATION include/sluice/${folder}/.. COMPONENT sluice FILES_MATCHING PATTERN "*.h")
endforeach()
foreach(folder google/rpc sluice/options/v1 sluice/token/v1 sluice/upload/v1)
  install(DIRECTORY ${CMAKE_BINARY_DIR}/gen/${folder} DESTINATION include/sluice/${folder}/.. COMPONENT sluice FILES_MATCHING PATTERN "*.pb.h")
endforeach()
configure_package_config_file(common/cmake/SluiceConfig.cmake.in ${CMAKE_BINARY_DIR}/SluiceConfig.cmake INSTALL_DESTINATION ${SLUICE_PACKAGE})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/SluiceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/SluiceConfig.cmake ${CMAKE_BINARY_DIR}/SluiceConfigVersion.cmake DESTINATION ${SLUICE_PACKAGE} COMPONENT sluice)
