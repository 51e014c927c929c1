# cmake --install: the library, its headers, a CMake package and a pkg-config file.
include(CMakePackageConfigHelpers)

install(TARGETS gradus EXPORT gradusTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
if(TARGET gradus_tool)
  install(TARGETS gradus_tool RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()

set(headers "${CMAKE_INSTALL_INCLUDEDIR}/gradus")
foreach(room core graph ops autodiff nn io)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/${room}" DESTINATION "${headers}" FILES_MATCHING PATTERN "*.h")
endforeach()
install(FILES "${PROJECT_SOURCE_DIR}/backends/register.h" DESTINATION "${headers}/backends" OPTIONAL)
install(FILES "${PROJECT_SOURCE_DIR}/gradus.h" "${PROJECT_BINARY_DIR}/include/gradus/version.h" DESTINATION "${headers}")

set(package "${CMAKE_INSTALL_LIBDIR}/cmake/gradus")
install(EXPORT gradusTargets NAMESPACE gradus:: DESTINATION "${package}")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/gradusConfig.cmake.in" "${PROJECT_BINARY_DIR}/gradusConfig.cmake"
                              INSTALL_DESTINATION "${package}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/gradusConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/gradusConfig.cmake" "${PROJECT_BINARY_DIR}/gradusConfigVersion.cmake"
        DESTINATION "${package}")

# Paths in gradus.pc are relative to the file itself, so an installed tree can be moved.
file(RELATIVE_PATH GRADUS_PC_PREFIX "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
configure_file("${PROJECT_SOURCE_DIR}/cmake/gradus.pc.in" "${PROJECT_BINARY_DIR}/gradus.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/gradus.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
