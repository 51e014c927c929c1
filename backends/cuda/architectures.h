// Which GPUs the kernels of this build are for.
#pragma once

#include <string>
#include <string_view>

namespace gradus::cuda {

// Whether a GPU of compute capability major.minor can run kernels that were compiled for `architectures`, as CMAKE_CUDA_ARCHITECTURES
// has them ("75-real;80-real;90"). Machine code ("-real", or without a word) is for its capability and later ones of the same major
// version; PTX ("-virtual", or without a word) for all later ones; "90a" and "100f" for that one alone. True where it does not say
// ("native", "all").
bool runs_on(std::string_view architectures, int major, int minor);

}  // namespace gradus::cuda
