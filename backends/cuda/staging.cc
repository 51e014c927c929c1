#include "gradus/backends/cuda/staging.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace gradus::cuda {

Staging::Slot& Staging::next_slot() {
  Slot& slot = slots_[next_++ % slots_.size()];
  if (!slot.memory) {
    Event free = make_event();
    slot.memory = make_pinned_memory(kPiece);
    slot.free = std::move(free);
  } else {
    GRADUS_CUDA(cudaEventSynchronize(slot.free.get()));
  }
  return slot;
}

void Staging::upload(void* device_memory, const void* host, std::size_t bytes, cudaStream_t stream) {
  for (std::size_t begin = 0; begin < bytes; begin += kPiece) {
    const std::size_t size = std::min(kPiece, bytes - begin);
    Slot& slot = next_slot();
    std::memcpy(slot.memory.get(), static_cast<const char*>(host) + begin, size);
    GRADUS_CUDA(cudaMemcpyAsync(static_cast<char*>(device_memory) + begin, slot.memory.get(), size,
                                cudaMemcpyHostToDevice, stream));
    GRADUS_CUDA(cudaEventRecord(slot.free.get(), stream));
  }
}

// While one piece is taken out of its slot, the next ones are on their way.
void Staging::download(void* host, const void* device_memory, std::size_t bytes, cudaStream_t stream) {
  const std::size_t pieces = (bytes + kPiece - 1) / kPiece;
  std::array<Slot*, 4> on_the_way{};
  const auto size_of = [&](std::size_t piece) { return std::min(kPiece, bytes - piece * kPiece); };
  for (std::size_t piece = 0; piece < pieces + on_the_way.size(); ++piece) {
    Slot*& slot = on_the_way[piece % on_the_way.size()];
    if (slot != nullptr) {
      const std::size_t arrived = piece - on_the_way.size();
      GRADUS_CUDA(cudaEventSynchronize(slot->free.get()));
      std::memcpy(static_cast<char*>(host) + arrived * kPiece, slot->memory.get(), size_of(arrived));
      slot = nullptr;
    }
    if (piece >= pieces) continue;
    slot = &next_slot();
    GRADUS_CUDA(cudaMemcpyAsync(slot->memory.get(), static_cast<const char*>(device_memory) + piece * kPiece,
                                size_of(piece), cudaMemcpyDeviceToHost, stream));
    GRADUS_CUDA(cudaEventRecord(slot->free.get(), stream));
  }
  GRADUS_CUDA(cudaStreamSynchronize(stream));
}

}  // namespace gradus::cuda
