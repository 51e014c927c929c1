# Looks for what the CUDA backend needs, and says in one line what was found, or the first thing that is missing. Sets
#   GRADUS_CUDA_HEADERS  the toolkit's headers are there: the tests run the backend on an emulator (tests/cuda_emulator)
#   GRADUS_HAS_CUDA      so is nvcc: the library has the backend
#   GRADUS_CUDNN_HEADERS so are cuDNN's: the backend has the code that uses it, and looks for the library when it runs
#   GRADUS_CUDA_VERDICT  the line, which `gradus devices` shows where there is no backend
set(GRADUS_CUDA_HEADERS OFF)
set(GRADUS_HAS_CUDA OFF)
set(GRADUS_CUDNN_HEADERS OFF)
set(least 12.0)  # the first whose nvcc knows C++20

if(GRADUS_CUDA STREQUAL "OFF")
  set(GRADUS_CUDA_VERDICT "GRADUS_CUDA is OFF")
elseif(NOT GRADUS_BACKENDS)
  set(GRADUS_CUDA_VERDICT "GRADUS_BACKENDS is OFF")
else()
  find_package(CUDAToolkit QUIET)
  if(NOT CUDAToolkit_FOUND)
    set(GRADUS_CUDA_VERDICT "the CUDA toolkit was not found when it was configured; CUDAToolkit_ROOT says where it is")
  elseif(CUDAToolkit_VERSION VERSION_LESS least)
    set(GRADUS_CUDA_VERDICT "the CUDA toolkit in ${CUDAToolkit_BIN_DIR} is ${CUDAToolkit_VERSION}; ${least} is needed at least")
  else()
    set(GRADUS_CUDA_HEADERS ON)
    if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX} AND CUDAToolkit_NVCC_EXECUTABLE)
      set(CMAKE_CUDA_COMPILER "${CUDAToolkit_NVCC_EXECUTABLE}")  # which need not be in PATH
    endif()
    include(CheckLanguage)
    check_language(CUDA)
    if(NOT CMAKE_CUDA_COMPILER)
      set(GRADUS_CUDA_VERDICT "nvcc was not found, or does not work, when it was configured; CUDACXX says where it is")
      unset(CMAKE_CUDA_COMPILER CACHE)  # so that it is looked for again
    elseif(GRADUS_SANITIZE OR GRADUS_SYNTAX_ONLY)
      set(GRADUS_CUDA_VERDICT "builds with sanitizers leave nvcc out: the tests run the kernels on the emulator")
    else()
      # Before the language is enabled, which would take the oldest of all. For releases: "75-real;80-real;90".
      if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
        set(CMAKE_CUDA_ARCHITECTURES 90)
      endif()
      enable_language(CUDA)
      if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 does not know it of nvcc 13
        set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
        set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
      endif()
      set(GRADUS_HAS_CUDA ON)
      set(GRADUS_CUDA_VERDICT
          "on, by nvcc ${CMAKE_CUDA_COMPILER_VERSION} for compute capability ${CMAKE_CUDA_ARCHITECTURES} (CMAKE_CUDA_ARCHITECTURES)")
    endif()
  endif()
endif()
# cuDNN's headers: where CUDNN_ROOT says, beside the toolkit's, in the system's folders, or in NVIDIA's wheel for Python. Only those of
# version 9 are looked at, by the name of a header that came with it.
set(cudnn_verdict "")
# Sanitizers would report what cuDNN itself does not give back, and the locks that they do not see in it: they look at the plain kernels.
if(GRADUS_CUDA_HEADERS AND NOT GRADUS_SANITIZE)
  set(wheels)
  foreach(prefix "$ENV{VIRTUAL_ENV}" "$ENV{CONDA_PREFIX}" "$ENV{HOME}/.local" /usr/local /usr)
    if(prefix)
      file(GLOB found "${prefix}/lib/python3*/site-packages/nvidia/cudnn" "${prefix}/lib/python3*/dist-packages/nvidia/cudnn")
      list(APPEND wheels ${found})
    endif()
  endforeach()
  find_path(GRADUS_CUDNN_INCLUDE cudnn_graph.h HINTS "${CUDNN_ROOT}" "$ENV{CUDNN_ROOT}" ${CUDAToolkit_INCLUDE_DIRS} ${wheels}
            PATH_SUFFIXES include DOC "The folder of cudnn_graph.h")
  if(GRADUS_CUDNN_INCLUDE)
    set(GRADUS_CUDNN_HEADERS ON)
    file(STRINGS "${GRADUS_CUDNN_INCLUDE}/cudnn_version.h" lines REGEX "#define CUDNN_(MAJOR|MINOR|PATCHLEVEL) ")
    string(REGEX REPLACE "[^0-9]+([0-9]+)" "\\1." cudnn_version "${lines}")
    string(REGEX REPLACE "\\.$" "" cudnn_version "${cudnn_version}")
    set(cudnn_verdict "; with cuDNN ${cudnn_version}")
  else()
    set(cudnn_verdict "; without cuDNN, whose headers were not found (CUDNN_ROOT says where they are)")
  endif()
endif()
if(GRADUS_HAS_CUDA)
  string(APPEND GRADUS_CUDA_VERDICT "${cudnn_verdict}")
endif()

# gradus_cuda_headers(target PRIVATE|PUBLIC): the toolkit's and cuDNN's, and where cuDNN's library was found.
function(gradus_cuda_headers target visibility)
  target_include_directories(${target} SYSTEM ${visibility} ${CUDAToolkit_INCLUDE_DIRS})
  if(GRADUS_CUDNN_HEADERS)
    target_include_directories(${target} SYSTEM ${visibility} "${GRADUS_CUDNN_INCLUDE}")
    find_path(GRADUS_CUDNN_FOLDER libcudnn.so.9 HINTS "${GRADUS_CUDNN_INCLUDE}/.." "${CUDAToolkit_LIBRARY_DIR}"
              PATH_SUFFIXES lib lib64 "lib/${CMAKE_LIBRARY_ARCHITECTURE}" DOC "The folder of libcudnn.so.9")
    if(GRADUS_CUDNN_FOLDER)
      target_compile_definitions(${target} ${visibility} "GRADUS_CUDNN_FOLDER=\"${GRADUS_CUDNN_FOLDER}\"")
    endif()
  endif()
endfunction()
if(GRADUS_CUDA STREQUAL "ON" AND NOT GRADUS_HAS_CUDA)
  message(FATAL_ERROR "GRADUS_CUDA is ON, but ${GRADUS_CUDA_VERDICT}")
endif()
if(GRADUS_HAS_CUDA)
  message(STATUS "CUDA backend: ${GRADUS_CUDA_VERDICT}")
else()
  message(STATUS "CUDA backend: off, ${GRADUS_CUDA_VERDICT}")
endif()
unset(least)

# gradus_cuda_kernels(target): the backend's kernels, by nvcc. They see neither fmt nor Eigen.
function(gradus_cuda_kernels target)
  gradus_glob(sources "backends/cuda/*.cu")
  add_library(${target} OBJECT ${sources})
  target_include_directories(${target} PRIVATE "${PROJECT_BINARY_DIR}/include")
  # Compressed, the kernels are a ninth of their size, and a program is less than half of it.
  target_compile_options(${target} PRIVATE -Xfatbin=-compress-all)
  # Constants and std::array in formulas and geometry are for both sides; 186: what is signed for some types is not for uint8.
  target_compile_options(${target} PRIVATE --expt-relaxed-constexpr -diag-suppress=186 "SHELL:-Xcompiler -Wall"
                                           "$<$<BOOL:${GRADUS_WERROR}>:SHELL:-Werror all-warnings>")
  # Random numbers have the CPU's bits: products and sums are rounded one by one.
  set_source_files_properties(backends/cuda/random.cu PROPERTIES COMPILE_OPTIONS --fmad=false)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()
