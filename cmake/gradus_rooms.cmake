# Source folders ("rooms") and how they see each other.

# gradus_library(name OBJECTS objects... DEFINITIONS definitions...): the rooms' objects as one library, joined by gradus.cc.
function(gradus_library name)
  cmake_parse_arguments(PARSE_ARGV 1 library "" "" "OBJECTS;DEFINITIONS")
  if(GRADUS_SYNTAX_ONLY)
    add_library(${name} INTERFACE)
    target_compile_features(${name} INTERFACE cxx_std_20)
    target_include_directories(${name} INTERFACE "${PROJECT_BINARY_DIR}/include")
    return()
  endif()
  add_library(${name} STATIC "${PROJECT_SOURCE_DIR}/gradus.cc" ${library_OBJECTS})
  target_compile_features(${name} PUBLIC cxx_std_20)
  target_compile_definitions(${name} PRIVATE ${library_DEFINITIONS})
  target_include_directories(${name} PUBLIC "$<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>"
                                            "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  target_link_libraries(${name} PRIVATE "$<BUILD_INTERFACE:gradus_library_flags;gradus_room_flags>" fmt::fmt spdlog::spdlog ZLIB::ZLIB
                                        Threads::Threads)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()

# Headers are included as "gradus/core/tensor.h"; <build>/include/gradus holds links to the source folders, so that the
# spelling is the same before and after installation.
function(gradus_link_include_tree)
  set(tree "${PROJECT_BINARY_DIR}/include/gradus")
  file(MAKE_DIRECTORY "${tree}")
  foreach(entry core graph ops autodiff backends nn io exchange gradus.h)
    file(CREATE_LINK "${PROJECT_SOURCE_DIR}/${entry}" "${tree}/${entry}" SYMBOLIC)
  endforeach()
  configure_file("${PROJECT_SOURCE_DIR}/cmake/version.h.in" "${tree}/version.h" @ONLY)
endfunction()

# Sources that match the patterns, relative to the calling folder. A new file is noticed by the next build.
function(gradus_glob result)
  list(TRANSFORM ARGN PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/" OUTPUT_VARIABLE patterns)
  file(GLOB found CONFIGURE_DEPENDS ${patterns})
  set(${result} ${found} PARENT_SCOPE)
endfunction()

# gradus_join(result name prefix batch sources...): files that include `batch` of the sources each (0: all). They name them by `prefix` and
# the path from our root, where CMake's own UNITY_BUILD writes whole paths: thus ccache knows them again in another checkout.
function(gradus_join result name prefix batch)
  set(files)
  set(text)
  set(count 0)
  list(LENGTH ARGN left)
  foreach(source IN LISTS ARGN)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY "${PROJECT_SOURCE_DIR}")
    string(APPEND text "#include \"${prefix}${source}\"\n")
    math(EXPR count "${count} + 1")
    math(EXPR left "${left} - 1")
    if(left EQUAL 0 OR count EQUAL batch)
      list(LENGTH files number)
      set(file "${CMAKE_CURRENT_BINARY_DIR}/joined/${name}_${number}.cc")
      file(CONFIGURE OUTPUT "${file}" CONTENT "${text}" @ONLY)
      list(APPEND files "${file}")
      set(text)
      set(count 0)
    endif()
  endforeach()
  set(${result} ${files} PARENT_SCOPE)
endfunction()

# What nearly every file of the library includes: a quarter of its compile time is reading these.
set(GRADUS_STANDARD_HEADERS
    <algorithm> <array> <cmath> <cstdint> <cstring> <functional> <limits> <map> <memory> <mutex> <optional> <set> <span>
    <string> <string_view> <unordered_map> <utility> <vector> <fmt/format.h>)

# gradus_room(name patterns... [WITHOUT files...] SPEED kernels|runs|reads|builds [LIBRARIES targets...] [PRECOMPILE headers...]) adds
# the object library gradus_<name>. With GRADUS_UNITY its files are compiled as one; kernels as several, and only where they are not
# optimised, since joining changes what is inlined. SPEED says what is worth optimising: `kernels` most; `runs`, with every plan, step or batch; `reads`,
# now and then (graphs, shapes and files are read); and least `builds`, which only adds nodes to graphs. The last two are not optimised
# at all under sanitizers, where the others would take most of the tests' time. Rooms that compile alike share the precompiled headers
# of the first of them, unless they name further ones.
function(gradus_room name)
  cmake_parse_arguments(PARSE_ARGV 1 room "" "SPEED" "WITHOUT;LIBRARIES;PRECOMPILE")
  gradus_glob(sources ${room_UNPARSED_ARGUMENTS})
  list(TRANSFORM room_WITHOUT PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  list(REMOVE_ITEM sources ${room_WITHOUT})
  if(NOT sources)
    return()
  endif()
  set(joined ${GRADUS_UNITY})
  set(batch 0)
  if(room_SPEED STREQUAL "kernels")
    set(batch 6)
    if(GRADUS_OPTIMISED)
      set(joined OFF)
    endif()
  endif()
  if(joined)
    gradus_join(sources ${name} gradus/ ${batch} ${sources})
  endif()
  add_library(gradus_${name} OBJECT ${sources})
  if(joined AND room_SPEED STREQUAL "kernels" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(gradus_${name} PRIVATE -Wno-subobject-linkage)  # g++ takes what a joined file includes for headers
  endif()
  target_include_directories(gradus_${name} PRIVATE "${PROJECT_BINARY_DIR}/include")
  target_link_libraries(gradus_${name} PRIVATE gradus_library_flags fmt::fmt spdlog::spdlog Threads::Threads
                                               nlohmann_json::nlohmann_json ${room_LIBRARIES})
  set(owner core)
  if(room_SPEED STREQUAL "kernels")
    target_link_libraries(gradus_${name} PRIVATE gradus_kernel_flags gradus_eigen_flags)
  elseif(room_SPEED STREQUAL "builds")
    target_link_libraries(gradus_${name} PRIVATE gradus_building_flags)
    set(owner autodiff)
  else()
    target_link_libraries(gradus_${name} PRIVATE gradus_room_flags)
  endif()
  if(GRADUS_SANITIZE AND room_SPEED MATCHES "^(kernels|runs)$")
    target_compile_options(gradus_${name} PRIVATE -O1)
  endif()
  set_target_properties(gradus_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  if(joined AND batch EQUAL 0)
    # One file has nothing to share.
  elseif(GRADUS_PRECOMPILE AND (name STREQUAL owner OR room_PRECOMPILE))
    target_precompile_headers(gradus_${name} PRIVATE ${GRADUS_STANDARD_HEADERS} ${room_PRECOMPILE})
  elseif(GRADUS_PRECOMPILE)
    target_precompile_headers(gradus_${name} REUSE_FROM gradus_${owner})
  endif()
  set(GRADUS_OBJECTS ${GRADUS_OBJECTS} "$<TARGET_OBJECTS:gradus_${name}>" PARENT_SCOPE)
  if(room_SPEED STREQUAL "runs" AND NOT name STREQUAL "cuda")  # which programs link with the runtime or the emulator
    set_property(GLOBAL APPEND PROPERTY GRADUS_OPTIMISED_OBJECTS "$<TARGET_OBJECTS:gradus_${name}>")
  endif()
  if(name MATCHES "^(reference|cpu)$")
    string(TOUPPER "GRADUS_HAS_${name}" definition)
    set(GRADUS_BACKEND_DEFINITIONS ${GRADUS_BACKEND_DEFINITIONS} ${definition} PARENT_SCOPE)
  endif()
endfunction()
