# Cross-compiles for aarch64 with Debian's g++-aarch64-linux-gnu, and runs what was built by qemu-user. Libraries are those of
# GRADUS_AARCH64_ROOT alone, which `scripts/setup --aarch64` fills: the machine's own packages stay as they are.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

set(GRADUS_AARCH64_ROOT "${CMAKE_CURRENT_LIST_DIR}/../../build/aarch64-root" CACHE PATH "arm64 packages of Debian, unpacked")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES GRADUS_AARCH64_ROOT)
get_filename_component(root "${GRADUS_AARCH64_ROOT}" ABSOLUTE)
if(NOT EXISTS "${root}/usr/include")
  message(FATAL_ERROR "no arm64 libraries in ${root}; run scripts/setup --aarch64, or set GRADUS_AARCH64_ROOT")
endif()
set(CMAKE_FIND_ROOT_PATH "${root}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
foreach(kind LIBRARY INCLUDE PACKAGE)
  set(CMAKE_FIND_ROOT_PATH_MODE_${kind} ONLY)
endforeach()
set(libraries "${root}/usr/lib/aarch64-linux-gnu" "${root}/lib/aarch64-linux-gnu")
foreach(folder IN LISTS libraries)
  string(APPEND CMAKE_EXE_LINKER_FLAGS_INIT " \"-Wl,-rpath-link,${folder}\"")
endforeach()

# The cross compiler's own libc and libstdc++ lie in /usr/aarch64-linux-gnu.
list(JOIN libraries ":" path)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu -E "LD_LIBRARY_PATH=${path}")
