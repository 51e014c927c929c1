// Memory of a block that is watched: what lies behind it may not be touched, and what was not written is NaN.
#pragma once

#include <cstddef>

namespace gradus::cuda_emulator {

class GuardedMemory {
 public:
  GuardedMemory() = default;
  ~GuardedMemory();
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;

  // Once. Filled with 0xFF. Each call gives memory that ThreadSanitizer takes for new.
  void allocate(std::size_t bytes);
  void* get() const { return memory_; }
  std::size_t bytes() const { return bytes_; }
  // Whether the bytes behind it are what they were.
  bool is_intact() const;

 private:
  unsigned char* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

// Objects that are made while fibers run, with addresses that were not used before for as long as the arena is not cleared. malloc
// would not do: to ThreadSanitizer, memory that one fiber asked for and another gives back is a race.
class Arena {
 public:
  Arena();
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  template <class T>
  T* make(const T& value) {
    return new (take(sizeof(T))) T(value);
  }
  void clear();

 private:
  void* take(std::size_t bytes);
  char* memory_ = nullptr;
  std::size_t used_ = 0;
};

}  // namespace gradus::cuda_emulator
