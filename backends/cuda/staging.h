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
  // A piece on its way, or several small ones: the event says when its memory is free again, `used` how much of it is taken till then.
  struct Slot {
    PinnedMemory memory;
    Event free;
    std::size_t used = 0;
  };
  // Waits, where all are on their way; a small upload shares the slot of the one before, so that the host can go on for many.
  Slot& slot_with_room(std::size_t bytes);

  std::array<Slot, 4> slots_;
  std::size_t next_ = 0;
};

}  // namespace gradus::cuda
