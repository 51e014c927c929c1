# The CPU's kernels, compiled once per instruction set into one library, which chooses when it runs (backends/cpu/levels.h).
#
# The danger: templates and inline functions that several levels compile, std::vector's included, are merged by the linker, which keeps
# the one that it meets first; programs would then end with "Illegal instruction" on lesser processors. So each level's objects are
# joined into one, of whose symbols all but the function that registers the level's kernels are made local to it.

# Of each level: -march, and whether the processor of a running program has it, as C++.
set(gradus_level_avx512
    x86-64-v4 "__builtin_cpu_supports(\"avx512bw\") && __builtin_cpu_supports(\"avx512dq\") && __builtin_cpu_supports(\"avx512vl\")")
set(gradus_level_avx2 x86-64-v3 "__builtin_cpu_supports(\"avx2\") && __builtin_cpu_supports(\"fma\") && __builtin_cpu_supports(\"bmi2\")")
set(gradus_level_sse2 x86-64 true)
set(gradus_level_neon "" true)            # every aarch64
set(gradus_level_native native true)      # the whole library is compiled so
set(gradus_level_baseline "" true)        # what the compiler takes when nothing is said

# The levels of this build, from the best on.
function(gradus_find_levels result)
  set(levels baseline)
  if(GRADUS_NATIVE)
    set(levels native)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    set(levels neon)
  elseif(GRADUS_OPTIMISED AND NOT GRADUS_SYNTAX_ONLY AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    execute_process(COMMAND "${CMAKE_LINKER}" --help OUTPUT_VARIABLE help ERROR_QUIET)
    if(help MATCHES "force-group-allocation" AND CMAKE_OBJCOPY)
      set(levels avx512 avx2 sse2)
    else()
      message(STATUS "CPU kernels: for ${CMAKE_SYSTEM_PROCESSOR}'s least processors only; several instruction sets need GNU ld and objcopy")
    endif()
  endif()
  set(${result} ${levels} PARENT_SCOPE)
endfunction()

# gradus_leveled_room(name patterns... SPEED kernels ...): the room gradus_<name>_<level> for every level, each as gradus_room() makes it.
function(gradus_leveled_room name)
  gradus_find_levels(levels)
  list(LENGTH levels count)
  set(objects ${GRADUS_OBJECTS})
  set(entries "")
  foreach(level IN LISTS levels)
    list(GET gradus_level_${level} 0 march)
    list(GET gradus_level_${level} 1 condition)
    string(APPEND entries "GRADUS_CPU_LEVEL(${level}, ${condition})\n")
    set(room gradus_${name}_${level})
    gradus_room(${name}_${level} ${ARGN})
    target_compile_definitions(${room} PRIVATE GRADUS_CPU_REGISTER=register_kernels_${level})
    if(count EQUAL 1)
      list(APPEND objects $<TARGET_OBJECTS:${room}>)
      continue()
    endif()
    target_compile_options(${room} PRIVATE -march=${march} $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
    set(compiled "$<FILTER:$<TARGET_OBJECTS:${room}>,EXCLUDE,\\.gch$>")  # precompiled headers count as objects
    set(joined "${PROJECT_BINARY_DIR}/levels/level_${name}_${level}.o")
    add_custom_command(
      OUTPUT "${joined}"
      COMMAND "${CMAKE_LINKER}" -r --force-group-allocation -o "${joined}" "${compiled}"
      COMMAND "${CMAKE_OBJCOPY}" --wildcard "--keep-global-symbol=*register_kernels_${level}*" "${joined}"
      DEPENDS "${compiled}"
      COMMENT "Joining the kernels for ${level}"
      COMMAND_EXPAND_LISTS VERBATIM)
    add_custom_target(${room}_joined DEPENDS "${joined}")
    add_library(${room}_object OBJECT IMPORTED GLOBAL)
    set_property(TARGET ${room}_object PROPERTY IMPORTED_OBJECTS "${joined}")
    add_dependencies(${room}_object ${room}_joined)
    list(APPEND objects $<TARGET_OBJECTS:${room}_object>)
  endforeach()
  file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/levels")
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/include/gradus/cpu_levels.def" CONTENT "${entries}" @ONLY)
  set(GRADUS_OBJECTS ${objects} PARENT_SCOPE)
endfunction()
