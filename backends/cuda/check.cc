#include "gradus/backends/cuda/check.h"

#include <fmt/format.h>

#include <string_view>

#include "gradus/core/error.h"

namespace gradus::cuda {

void check(cudaError_t error, const char* call) {
  if (error == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // said here, and not once more to whoever asks next
  const std::string_view text = call;
  Code code = Code::kInternal;
  if (error == cudaErrorMemoryAllocation) code = Code::kResourceExhausted;
  if (error == cudaErrorNoDevice || error == cudaErrorInsufficientDriver) code = Code::kUnavailable;
  throw Error(code, fmt::format("{}: {} ({}, {})", text.substr(0, text.find('(')), cudaGetErrorString(error),
                                cudaGetErrorName(error), static_cast<int>(error)));
}

}  // namespace gradus::cuda
