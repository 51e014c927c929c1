#include "gradus/backends/cuda/staging.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace gradus::cuda {

Staging::Slot& Staging::slot_with_room(std::size_t bytes) {
  if (Slot& last = slots_[next_]; last.memory && kPiece - last.used >= bytes) return last;
  next_ = (next_ + 1) % slots_.size();
  Slot& slot = slots_[next_];
  if (!slot.memory) {
    Event free = make_event();
    slot.memory = make_pinned_memory(kPiece);
    slot.free = std::move(free);
  } else {
    GRADUS_CUDA(cudaEventSynchronize(slot.free.get()));
  }
  slot.used = 0;
  return slot;
}

void Staging::upload(void* device_memory, const void* host, std::size_t bytes, cudaStream_t stream) {
  for (std::size_t begin = 0; begin < bytes; begin += kPiece) {
    const std::size_t size = std::min(kPiece, bytes - begin);
    Slot& slot = slot_with_room(size);
    char* const piece = static_cast<char*>(slot.memory.get()) + slot.used;
    std::memcpy(piece, static_cast<const char*>(host) + begin, size);
    slot.used = std::min(kPiece, (slot.used + size + 255) / 256 * 256);
    GRADUS_CUDA(
        cudaMemcpyAsync(static_cast<char*>(device_memory) + begin, piece, size, cudaMemcpyHostToDevice, stream));
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
    slot = &slot_with_room(kPiece);
    slot->used = kPiece;
    GRADUS_CUDA(cudaMemcpyAsync(slot->memory.get(), static_cast<const char*>(device_memory) + piece * kPiece,
                                size_of(piece), cudaMemcpyDeviceToHost, stream));
    GRADUS_CUDA(cudaEventRecord(slot->free.get(), stream));
  }
  GRADUS_CUDA(cudaStreamSynchronize(stream));
}

}  // namespace gradus::cuda
