# cmake --install: the library, the `gradus` command, headers, a CMake package, a pkg-config file, pages, examples and licence.
# The target `uninstall` removes what the last installation from this build folder made.
include(CMakePackageConfigHelpers)

if(PROJECT_IS_TOP_LEVEL)
  # First of all, while what is there was there before: which folders the installation will make.
  set(uninstall "${PROJECT_SOURCE_DIR}/cmake/gradus_uninstall.cmake")
  install(CODE "
    set(folders \"${CMAKE_INSTALL_BINDIR}\" \"${CMAKE_INSTALL_LIBDIR}/pkgconfig\" \"${CMAKE_INSTALL_LIBDIR}/cmake/gradus\"
                \"${CMAKE_INSTALL_INCLUDEDIR}/gradus\" \"${CMAKE_INSTALL_DOCDIR}\")
    set(record \"${PROJECT_BINARY_DIR}/install_folders.txt\")
    include(\"${uninstall}\")
    gradus_record_folders()")
  add_custom_target(uninstall COMMAND "${CMAKE_COMMAND}" "-DBUILD=${PROJECT_BINARY_DIR}" -P "${uninstall}" VERBATIM)
endif()

install(TARGETS gradus EXPORT gradusTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
if(TARGET gradus_tool)
  install(TARGETS gradus_tool RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()

set(headers "${CMAKE_INSTALL_INCLUDEDIR}/gradus")
foreach(room core graph ops autodiff nn io exchange)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/${room}" DESTINATION "${headers}" FILES_MATCHING PATTERN "*.h" PATTERN "*.def" PATTERN "rules" EXCLUDE)
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

install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/README.md" "${PROJECT_SOURCE_DIR}/CHANGELOG.md"
              "${PROJECT_SOURCE_DIR}/CONTRIBUTING.md"
        DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(FILES "${PROJECT_SOURCE_DIR}/benchmarks/README.md" DESTINATION "${CMAKE_INSTALL_DOCDIR}/benchmarks")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/docs" DESTINATION "${CMAKE_INSTALL_DOCDIR}" FILES_MATCHING PATTERN "*.md" PATTERN "*.svg")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/examples" DESTINATION "${CMAKE_INSTALL_DOCDIR}"
        FILES_MATCHING PATTERN "*.cc" PATTERN "*.h" PATTERN "custom_op/CMakeLists.txt")

# Paths in gradus.pc are relative to the file itself, so an installed tree can be moved.
file(RELATIVE_PATH GRADUS_PC_PREFIX "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
set(GRADUS_PC_CUDA "")
if(GRADUS_HAS_CUDA)
  set(GRADUS_PC_CUDA " \"${CUDA_cudart_static_LIBRARY}\" -ldl -lrt")
endif()
configure_file("${PROJECT_SOURCE_DIR}/cmake/gradus.pc.in" "${PROJECT_BINARY_DIR}/gradus.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/gradus.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

if(GRADUS_NATIVE)
  install(CODE "message(STATUS \"Note: compiled for this machine's processor (GRADUS_NATIVE=ON); on a lesser one programs end \"
                                 \"with 'Illegal instruction'. The preset `portable` builds for every processor.\")")
endif()
