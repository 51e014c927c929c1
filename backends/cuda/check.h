// Every call of CUDA is checked.
#pragma once

#include <cuda_runtime_api.h>

namespace gradus::cuda {

// Throws Error unless all went well: "cudaMalloc: out of memory (cudaErrorMemoryAllocation, 2)". ResourceExhausted where memory is what
// is missing, Unavailable without a device, else Internal. `call` begins with the function's name.
void check(cudaError_t error, const char* call);

}  // namespace gradus::cuda

#define GRADUS_CUDA(call) ::gradus::cuda::check((call), #call)
