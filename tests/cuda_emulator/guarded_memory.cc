#include "tests/cuda_emulator/guarded_memory.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <new>

#include "tests/cuda_emulator/sanitizers.h"

namespace gradus::cuda_emulator {
namespace {

constexpr std::size_t kGuard = 64;
constexpr unsigned char kGuardByte = 0xA5;
constexpr std::size_t kArenaBytes = std::size_t{1} << 32;  // of addresses

// Not memset, which sanitizers know: the fiber that comes first would have "written" what all of the block share.
void fill(unsigned char* memory, unsigned char byte, std::size_t bytes) {
  for (volatile unsigned char* p = memory; p < memory + bytes; ++p) *p = byte;
}

// By a system call: to ThreadSanitizer, mmap() writes the pages. munmap() it may see, and forgets what it knew of them.
void* map_pages(std::size_t bytes) {
  const long memory =
      syscall(SYS_mmap, nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == -1) throw std::bad_alloc();
  return reinterpret_cast<void*>(memory);
}

}  // namespace

void GuardedMemory::allocate(std::size_t bytes) {
  bytes_ = bytes;
#ifdef GRADUS_EMULATOR_TSAN
  memory_ = static_cast<unsigned char*>(map_pages(bytes + kGuard));
#else
  memory_ = static_cast<unsigned char*>(std::malloc(bytes + kGuard));
  if (memory_ == nullptr) throw std::bad_alloc();
#endif
  fill(memory_, 0xFF, bytes);
  fill(memory_ + bytes, kGuardByte, kGuard);
  forbid(memory_ + bytes, kGuard);
}

GuardedMemory::~GuardedMemory() {
  if (memory_ == nullptr) return;
#ifdef GRADUS_EMULATOR_TSAN
  munmap(memory_, (bytes_ + kGuard + 4095) / 4096 * 4096);  // part of a page would not be forgotten
#else
  std::free(memory_);
#endif
}

bool GuardedMemory::is_intact() const {
  if (memory_ == nullptr) return true;
  allow(memory_ + bytes_, kGuard);
  bool intact = true;
  for (std::size_t i = 0; i < kGuard; ++i) intact = intact && memory_[bytes_ + i] == kGuardByte;
  return intact;
}

Arena::Arena() : memory_(static_cast<char*>(map_pages(kArenaBytes))) {}
Arena::~Arena() { munmap(memory_, kArenaBytes); }

void Arena::clear() {
#ifdef GRADUS_EMULATOR_TSAN
  munmap(memory_, kArenaBytes);  // what ThreadSanitizer knows of the addresses goes with them
  memory_ = static_cast<char*>(map_pages(kArenaBytes));
#endif
  used_ = 0;
}

void* Arena::take(std::size_t bytes) {
  constexpr std::size_t kAlignment = 64;
  char* const memory = memory_ + used_;
  used_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (used_ > kArenaBytes) throw std::bad_alloc();
  return memory;
}

}  // namespace gradus::cuda_emulator
