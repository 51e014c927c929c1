// The way between the host's memory and a device's: by pinned memory, piece by piece, since the runtime would make the host wait for
// copies of other memory. For several threads: a download, which waits, keeps nobody else waiting.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "gradus/backends/cuda/handles.h"

namespace gradus::cuda {

class Staging {
 public:
  // Returns when the host's bytes may change again; the copy itself takes its turn in the stream.
  void upload(void* device_memory, const void* host, std::size_t bytes, cudaStream_t stream);
  // Waits for all work in the stream, and for the bytes.
  void download(void* host, const void* device_memory, std::size_t bytes, cudaStream_t stream);

 private:
  static constexpr std::size_t kPiece = std::size_t{1} << 20, kSlots = 4;
  // A piece on its way, or several small ones: the event says when its memory is free again, `used` how much of it is taken till then.
  struct Slot {
    PinnedMemory memory;
    Event free;
    std::size_t used = 0;
  };
  using Slots = std::array<Slot, kSlots>;
  static void open(Slot& slot);
  // Waits, where all are on their way; a small upload shares the slot of the one before, so that the host can go on for many.
  Slot& slot_with_room(std::size_t bytes);
  std::unique_ptr<Slots> take_download_slots();

  std::mutex mutex_;  // guards all below
  Slots uploads_;
  std::size_t next_ = 0;
  std::vector<std::unique_ptr<Slots>> downloads_;  // that no thread uses just now
};

}  // namespace gradus::cuda
