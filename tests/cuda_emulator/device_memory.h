// The memory of emulated devices, and host memory that CUDA gave. A device's memory is a range of addresses of its own, in which
// nothing may be touched unless a DeviceAccess says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace gradus::cuda_emulator {

class DeviceMemory {
 public:
  DeviceMemory(int device, std::size_t bytes);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  // nullptr when full. Filled with 0xFF, which is NaN.
  void* allocate(std::size_t bytes);
  // False for an address that allocate() did not give, or that is free. `damage` says what was written around it, if anything.
  bool release(void* address, std::string* damage);

  bool owns(const void* address) const;
  // Whether these bytes lie within one allocation.
  bool contains(const void* address, std::size_t bytes) const;
  std::size_t total() const { return total_; }
  std::size_t used() const { return used_; }
  std::size_t allocations() const { return live_.size(); }

  void open();
  void close();

 private:
  std::optional<std::size_t> place_for(std::size_t bytes) const;
  void protect(int protection) const;

  int device_;
  std::size_t total_;
  std::size_t used_ = 0;
  std::size_t reserved_;     // bytes of addresses
  std::size_t touched_ = 0;  // from the start; above nothing was ever allocated
  std::size_t next_ = 256;   // where the next search begins, so that what was given back is not given out again at once
  char* base_ = nullptr;
  int opened_ = 0;
  std::map<std::size_t, std::size_t> live_;  // offset -> bytes
};

// While one is alive, the device's memory may be read and written.
class DeviceAccess {
 public:
  explicit DeviceAccess(DeviceMemory& memory) : memory_(memory) { memory_.open(); }
  ~DeviceAccess() { memory_.close(); }
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;

 private:
  DeviceMemory& memory_;
};

}  // namespace gradus::cuda_emulator
