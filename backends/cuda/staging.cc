#include "gradus/backends/cuda/staging.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace gradus::cuda {

void Staging::open(Slot& slot) {
  if (slot.memory) return;
  Event free = make_event();
  slot.memory = make_pinned_memory(kPiece);
  slot.free = std::move(free);
}

Staging::Slot& Staging::slot_with_room(std::size_t bytes) {
  if (Slot& last = uploads_[next_]; last.memory && kPiece - last.used >= bytes) return last;
  next_ = (next_ + 1) % kSlots;
  Slot& slot = uploads_[next_];
  if (slot.memory) GRADUS_CUDA(cudaEventSynchronize(slot.free.get()));
  open(slot);
  slot.used = 0;
  return slot;
}

void Staging::upload(void* device_memory, const void* host, std::size_t bytes, cudaStream_t stream) {
  const std::lock_guard lock(mutex_);
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

std::unique_ptr<Staging::Slots> Staging::take_download_slots() {
  const std::lock_guard lock(mutex_);
  if (downloads_.empty()) return std::make_unique<Slots>();
  std::unique_ptr<Slots> slots = std::move(downloads_.back());
  downloads_.pop_back();
  return slots;
}

// While one piece is taken out of its slot, the next ones are on their way. Where a call fails, its slots are not used again: the runtime
// waits with giving them back until nothing is on its way.
void Staging::download(void* host, const void* device_memory, std::size_t bytes, cudaStream_t stream) {
  std::unique_ptr<Slots> slots = take_download_slots();
  const std::size_t pieces = (bytes + kPiece - 1) / kPiece;
  const auto size_of = [&](std::size_t piece) { return std::min(kPiece, bytes - piece * kPiece); };
  for (std::size_t piece = 0; piece < pieces + kSlots; ++piece) {
    Slot& slot = (*slots)[piece % kSlots];
    if (piece >= kSlots && piece - kSlots < pieces) {
      const std::size_t arrived = piece - kSlots;
      GRADUS_CUDA(cudaEventSynchronize(slot.free.get()));
      std::memcpy(static_cast<char*>(host) + arrived * kPiece, slot.memory.get(), size_of(arrived));
    }
    if (piece >= pieces) continue;
    open(slot);
    GRADUS_CUDA(cudaMemcpyAsync(slot.memory.get(), static_cast<const char*>(device_memory) + piece * kPiece,
                                size_of(piece), cudaMemcpyDeviceToHost, stream));
    GRADUS_CUDA(cudaEventRecord(slot.free.get(), stream));
  }
  GRADUS_CUDA(cudaStreamSynchronize(stream));
  const std::lock_guard lock(mutex_);
  downloads_.push_back(std::move(slots));
}

}  // namespace gradus::cuda
