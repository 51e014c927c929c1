// How a kernel's launch reaches the emulator.
#pragma once

#include <driver_types.h>
#include <vector_types.h>

#include <cstddef>
#include <functional>
#include <string>

namespace gradus::cuda_emulator {

// `function` identifies the kernel, as for cudaFuncSetAttribute(); `body` calls it with its arguments.
cudaError_t enqueue_kernel(std::string name, const void* function, dim3 grid, dim3 block, std::size_t shared_bytes,
                           cudaStream_t stream, std::function<void()> body);

}  // namespace gradus::cuda_emulator
