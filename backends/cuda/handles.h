// What CUDA gives out, owned: moved but not copied, and given back at the end.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <utility>

#include "gradus/backends/cuda/check.h"

namespace gradus::cuda {

// At the end of a program devices may be gone before what they gave: what giving back answers then is of no interest.
template <class Handle, auto give_back>
class Owned {
 public:
  Owned() = default;
  explicit Owned(Handle handle) : handle_(handle) {}
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() {
    if (handle_ != nullptr) static_cast<void>(give_back(handle_));
  }
  Handle get() const { return handle_; }
  explicit operator bool() const { return handle_ != nullptr; }

 private:
  Handle handle_ = nullptr;
};

using Stream = Owned<cudaStream_t, cudaStreamDestroy>;
using Event = Owned<cudaEvent_t, cudaEventDestroy>;
using CapturedGraph = Owned<cudaGraph_t, cudaGraphDestroy>;
using ExecutableGraph = Owned<cudaGraphExec_t, cudaGraphExecDestroy>;
using PinnedMemory = Owned<void*, cudaFreeHost>;

// All of the current device. Streams do not wait for the default stream, nor that for them.
inline Stream make_stream() {
  cudaStream_t stream = nullptr;
  GRADUS_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  return Stream(stream);
}
inline Event make_event() {
  cudaEvent_t event = nullptr;
  GRADUS_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  return Event(event);
}
inline PinnedMemory make_pinned_memory(std::size_t bytes) {
  void* memory = nullptr;
  GRADUS_CUDA(cudaMallocHost(&memory, bytes));
  return PinnedMemory(memory);
}

}  // namespace gradus::cuda
