# Compile flags as interface targets. All of them are private to our own files: a user's flags are never touched.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

set(optimised "$<AND:$<CONFIG:Release,RelWithDebInfo>,$<STREQUAL:${GRADUS_SANITIZE},>>")
set(GRADUS_OPTIMISED ON)  # the same while configuring, as far as that can know
if(GRADUS_SANITIZE OR (CMAKE_BUILD_TYPE MATCHES "^(Debug|)$" AND NOT CMAKE_CONFIGURATION_TYPES))
  set(GRADUS_OPTIMISED OFF)
endif()

add_library(gradus_warnings INTERFACE)
target_compile_options(gradus_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
if(GRADUS_WERROR)
  target_compile_options(gradus_warnings INTERFACE -Werror)
endif()

# ccache must see which precompiled header a file reads.
add_library(gradus_precompiled INTERFACE)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(gradus_precompiled INTERFACE -fpch-preprocess)
elseif(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(gradus_precompiled INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
endif()
if(GRADUS_SYNTAX_ONLY)
  list(APPEND CMAKE_CXX_COMPILE_OPTIONS_USE_PCH -fsyntax-only)  # not where they are made
  set(CMAKE_CXX_ARCHIVE_CREATE "<CMAKE_COMMAND> -E true")
  set(CMAKE_CXX_ARCHIVE_FINISH "<CMAKE_COMMAND> -E true")
endif()

# The library: warnings, and this machine's instructions unless portable code is asked for.
add_library(gradus_library_flags INTERFACE)
target_link_libraries(gradus_library_flags INTERFACE gradus_warnings gradus_precompiled)
if(GRADUS_NATIVE AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(gradus_library_flags INTERFACE -march=native)
endif()

# The library but for its kernels; and its rooms that only build graphs. Where products and sums are rounded one by one, random numbers
# have the same bits under any compiler and on any device; without the bookkeeping of errno and traps their loops are vectorised.
add_library(gradus_room_flags INTERFACE)
target_compile_options(gradus_room_flags INTERFACE "$<${optimised}:${GRADUS_OPTIMIZATION}>" -ffp-contract=off -fno-math-errno
                                                   -fno-trapping-math)
add_library(gradus_building_flags INTERFACE)
target_compile_options(gradus_building_flags INTERFACE "$<${optimised}:-O1>" -ffp-contract=off)

# Kernels: -O3, and no errno or trap bookkeeping. Not -ffast-math: NaN, Inf and the order of sums keep their meaning.
add_library(gradus_kernel_flags INTERFACE)
target_compile_options(gradus_kernel_flags INTERFACE "$<${optimised}:-O3>" -fno-math-errno -fno-trapping-math)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  # GCC 12's tuning for Zen folds a load into every FMA of a matrix product, which costs a fifth of its speed.
  target_compile_options(gradus_kernel_flags INTERFACE -mtune=skylake-avx512)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # A loop that is marked as free of dependences may be vectorised; where it calls erf it cannot be, and clang warns.
  target_compile_options(gradus_kernel_flags INTERFACE -Wno-pass-failed)
endif()

# Our copy of Eigen lives in a namespace of its own, so that the linker never merges its inline functions, compiled with
# our flags and alignment, with those of a user's Eigen compiled with others.
add_library(gradus_eigen_flags INTERFACE)
target_compile_definitions(gradus_eigen_flags INTERFACE Eigen=gradus_eigen EIGEN_MPL2_ONLY EIGEN_MAX_ALIGN_BYTES=64
                                                        EIGEN_STACK_ALLOCATION_LIMIT=1048576)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 warns falsely about its own AVX-512 intrinsics, whose don't-care operands are variables without a value.
  target_compile_options(gradus_eigen_flags INTERFACE -Wno-uninitialized -Wno-maybe-uninitialized)
endif()

# Programs: their own code is never what takes the time. Tests are not optimised at all, for a quarter of their compile time.
add_library(gradus_program_flags INTERFACE)
target_link_libraries(gradus_program_flags INTERFACE gradus_warnings gradus_precompiled)
target_compile_options(gradus_program_flags INTERFACE "$<${optimised}:-O1>")
add_library(gradus_test_flags INTERFACE)
target_link_libraries(gradus_test_flags INTERFACE gradus_warnings gradus_precompiled)
target_compile_options(gradus_test_flags INTERFACE "$<${optimised}:-O0>")

if(GRADUS_SANITIZE STREQUAL "address")
  add_compile_options(-g1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
  add_link_options(-fsanitize=address,undefined)
elseif(GRADUS_SANITIZE STREQUAL "thread")
  add_compile_options(-g1 -fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
endif()
if(GRADUS_SANITIZE AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  if(GRADUS_SANITIZE STREQUAL "address")
    # Named from the build folder, as the compiler is run there: ccache knows it again in another checkout.
    file(RELATIVE_PATH list "${PROJECT_BINARY_DIR}" "${PROJECT_SOURCE_DIR}/cmake/sanitizer_ignorelist.txt")
    add_compile_options("-fsanitize-ignorelist=${list}")
  endif()
  find_program(GRADUS_LLD_PROGRAM ld.lld)
  if(GRADUS_LLD_PROGRAM)
    add_link_options(-fuse-ld=lld)  # a third of the time, of some three seconds for each test program
  endif()
endif()
unset(optimised)
