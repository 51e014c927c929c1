# Every option of the build, in one place.
set(top ${PROJECT_IS_TOP_LEVEL})
set(embedded ON)
if(top)
  set(embedded OFF)
endif()

option(GRADUS_BACKENDS "Build the reference and CPU backends (OFF: graphs can be built and differentiated, not run)" ON)
# A GPU backend (GRADUS_CUDA) joins here: backends/cuda becomes one more room beside reference and cpu.
option(GRADUS_NATIVE "Compile the library for the processor of this machine (OFF: portable code)" ${top})
option(GRADUS_BUILD_TESTS "Build the tests" ${top})
option(GRADUS_BUILD_TOOLS "Build the command line tool" ${top})
option(GRADUS_BUILD_EXAMPLES "Build the example programs" ${top})
option(GRADUS_BUILD_BENCHMARKS "Build the benchmarks and, where libtorch is found, its programs beside them" OFF)
option(GRADUS_INSTALL "Add install rules" ${top})
option(GRADUS_WERROR "Treat warnings in our own code as errors" OFF)
option(GRADUS_CCACHE "Use ccache where it is installed" ${top})
option(GRADUS_PRECOMPILE "Precompile the standard headers that the library, tests and tools use most" ${top})
option(GRADUS_UNITY "Compile each room as one file: half the time for a whole build, more after a change" ${embedded})
option(GRADUS_SYNTAX_ONLY "Check files instead of compiling them; nothing can be linked" OFF)
set(GRADUS_OPTIMIZATION "-O2" CACHE STRING "Optimisation of what runs in an optimised build, but for kernels (-O3)")
set(GRADUS_SANITIZE "" CACHE STRING "Sanitizer: address (with undefined behaviour), thread, or empty")
set_property(CACHE GRADUS_SANITIZE PROPERTY STRINGS "" address thread)
if(NOT GRADUS_SANITIZE MATCHES "^(address|thread)?$")
  message(FATAL_ERROR "GRADUS_SANITIZE is '${GRADUS_SANITIZE}'; it may be address, thread or empty")
endif()

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

if(GRADUS_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(GRADUS_CCACHE_PROGRAM ccache)
  if(GRADUS_CCACHE_PROGRAM)
    # What one checkout has compiled serves any other, wherever it lies; and precompiled headers are trusted. They are large: with the
    # inode cache each is read once per build, not once per file.
    set(CMAKE_CXX_COMPILER_LAUNCHER
        "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1 CCACHE_INODECACHE=1
        "CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime" "${GRADUS_CCACHE_PROGRAM}")
  endif()
endif()
unset(top)
unset(embedded)
