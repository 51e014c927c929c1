// The way between the host's memory and a device's: by pinned memory, piece by piece, since the runtime would make the host wait for
// copies of other memory.
#pragma once

#include <array>
#include <cstddef>

#include "gradus/backends/cuda/handles.h"

namespace gradus::cuda {

class Staging {
 public:
  // Returns when the host's bytes may change again; the copy itself takes its turn in the stream.
  void upload(void* device_memory, const void* host, std::size_t bytes, cudaStream_t stream);
  // Waits for all work in the stream, and for the bytes.
  void download(void* host, const void* device_memory, std::size_t bytes, cudaStream_t stream);

 private:
  static constexpr std::size_t kPiece = std::size_t{1} << 20;
  // A piece on its way: the event says when its memory is free again.
  struct Slot {
    PinnedMemory memory;
    Event free;
  };
  Slot& next_slot();

  std::array<Slot, 4> slots_;
  std::size_t next_ = 0;
};

}  // namespace gradus::cuda
