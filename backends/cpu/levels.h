// The instruction sets that this library's CPU kernels are compiled for, and which of them runs. One library holds all of them
// (cmake/gradus_levels.cmake): the files with loops worth vectorising are compiled once per level, and all but one function of each
// is hidden from the linker, so that nothing compiled for one level is ever merged with what was compiled for another.
#pragma once

#include <string>
#include <vector>

#include "gradus/core/kernel.h"

namespace gradus::cpu {

// Registers the kernels of all families, as compiled for one level.
using RegisterFn = void (*)(KernelRegistry&);

struct Level {
  const char* name;  // "avx2"
  bool runs_here;    // this processor has the instructions, and the system keeps their registers
  RegisterFn register_kernels;
};

// From the best to the least. A build for one processor alone (GRADUS_NATIVE) has the one level "native".
std::vector<Level> levels();

// The best level that runs here, or the one that `wanted` (GRADUS_ISA) names. nullptr where there is none; then *why says so, and what to
// do.
const Level* choose_level(const std::vector<Level>& levels, const char* wanted, std::string* why);

}  // namespace gradus::cpu
