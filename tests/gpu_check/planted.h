// Mistakes on request, for the tests of the checks and of scripts/gpu_check. The environment variable GRADUS_GPU_CHECK_PLANT holds words
// CHECK=MISTAKE, where CHECK is a subcommand and MISTAKE one of
//   crash  it ends by a signal      hang   it never ends      wrong  results of the GPU are changed before they are compared
#pragma once

#include <string>
#include <vector>

#include "gradus/core/tensor.h"

namespace gradus::gpu_check {

// At the begin of the check: crashes or hangs where that was asked for.
void plant(const std::string& check);
// Changes the first element of the first tensor that has one, where that was asked for.
void tamper(const std::string& check, std::vector<Tensor>& results);

}  // namespace gradus::gpu_check
