#include "tests/cuda_emulator/device_memory.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "tests/cuda_emulator/sanitizers.h"

namespace gradus::cuda_emulator {
namespace {

constexpr std::size_t kAlignment = 256;  // as cudaMalloc promises
constexpr std::size_t kGap = 256;        // bytes before and behind each allocation that belong to nobody
constexpr unsigned char kGapByte = 0xA5;

std::size_t rounded_up(std::size_t bytes, std::size_t multiple) { return (bytes + multiple - 1) / multiple * multiple; }
// From an allocation to where the next one may be.
std::size_t to_next(std::size_t bytes) { return rounded_up(bytes, kAlignment) + 2 * kGap; }
// Bytes behind an allocation that are its own to watch.
std::size_t gap_behind(std::size_t bytes) { return rounded_up(bytes, kAlignment) + kGap - bytes; }

// For the signal handler, which may not ask much.
constexpr int kMaxDevices = 16;
struct Range {
  std::atomic<const char*> begin{nullptr};
  std::atomic<std::size_t> bytes{0};
};
Range device_ranges[kMaxDevices];

struct sigaction previous_handler;

void explain_fault(int signal, siginfo_t* info, void* context) {
  const auto* address = static_cast<const char*>(info->si_addr);
  for (int d = 0; d < kMaxDevices; ++d) {
    const char* const begin = device_ranges[d].begin;
    if (begin == nullptr || address < begin || address >= begin + device_ranges[d].bytes) continue;
    char text[200];
    const int length = std::snprintf(text, sizeof text,
                                     "CUDA emulator: the host touches memory of device %d, at byte %zu of it. Copy it "
                                     "(cudaMemcpyAsync), or read it in a kernel.\n",
                                     d, static_cast<std::size_t>(address - begin));
    if (write(STDERR_FILENO, text, static_cast<std::size_t>(length)) < 0) break;
  }
  sigaction(SIGSEGV, &previous_handler, nullptr);
  if ((previous_handler.sa_flags & SA_SIGINFO) != 0 && previous_handler.sa_sigaction != nullptr) {
    previous_handler.sa_sigaction(signal, info, context);  // a sanitizer's, which tells more
  }
}

void install_handler() {
  static const bool installed = [] {
    struct sigaction action {};
    action.sa_sigaction = explain_fault;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    return sigaction(SIGSEGV, &action, &previous_handler) == 0;
  }();
  (void)installed;
}

}  // namespace

DeviceMemory::DeviceMemory(int device, std::size_t bytes)
    : device_(device), total_(bytes), reserved_(rounded_up(4 * bytes + (std::size_t{64} << 20), std::size_t{1} << 21)) {
  void* memory = mmap(nullptr, reserved_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("CUDA emulator: no addresses for a device's memory");
    std::abort();
  }
  base_ = static_cast<char*>(memory);
  if (device < kMaxDevices) {
    device_ranges[device].bytes = reserved_;
    device_ranges[device].begin = base_;
  }
  install_handler();
}

DeviceMemory::~DeviceMemory() {
  if (device_ < kMaxDevices) device_ranges[device_].begin = nullptr;
  allow(base_, touched_);
  munmap(base_, reserved_);
}

void DeviceMemory::protect(int protection) const {
  if (touched_ > 0 && mprotect(base_, touched_, protection) != 0) {
    std::perror("CUDA emulator: mprotect");
    std::abort();
  }
}

void DeviceMemory::open() {
  if (opened_++ == 0) protect(PROT_READ | PROT_WRITE);
}
void DeviceMemory::close() {
  if (--opened_ == 0) protect(PROT_NONE);
}

// The first hole from `next_` on, and then from the start.
std::optional<std::size_t> DeviceMemory::place_for(std::size_t bytes) const {
  for (const std::size_t start : {next_, kGap}) {
    std::size_t offset = start;
    auto after = live_.lower_bound(start);
    if (after != live_.begin()) offset = std::max(offset, std::prev(after)->first + to_next(std::prev(after)->second));
    for (;; ++after) {
      const std::size_t end = after == live_.end() ? reserved_ + kGap : after->first;
      if (offset + to_next(bytes) <= end) return offset;
      if (after == live_.end()) break;
      offset = after->first + to_next(after->second);
    }
  }
  return std::nullopt;
}

void* DeviceMemory::allocate(std::size_t bytes) {
  if (bytes > total_ || used_ + bytes > total_) return nullptr;
  const auto offset = place_for(bytes);
  if (!offset) return nullptr;
  const std::size_t end = *offset + bytes + gap_behind(bytes);
  if (end > touched_) {
    const std::size_t touched = std::min(rounded_up(end, std::size_t{1} << 20), reserved_);
    if (opened_ > 0) mprotect(base_, touched, PROT_READ | PROT_WRITE);
    forbid(base_ + touched_, touched - touched_);
    touched_ = touched;
  }
  live_[*offset] = bytes;
  used_ += bytes;
  next_ = *offset + to_next(bytes);
  const DeviceAccess access(*this);
  char* const memory = base_ + *offset;
  allow(memory - kGap, kGap + bytes + gap_behind(bytes));
  std::memset(memory - kGap, kGapByte, kGap);
  std::memset(memory, 0xFF, bytes);
  std::memset(memory + bytes, kGapByte, gap_behind(bytes));
  forbid(memory - kGap, kGap);
  forbid(memory + bytes, gap_behind(bytes));
  return memory;
}

bool DeviceMemory::release(void* address, std::string* damage) {
  if (!owns(address)) return false;
  const auto found = live_.find(static_cast<std::size_t>(static_cast<char*>(address) - base_));
  if (found == live_.end()) return false;
  const std::size_t offset = found->first, bytes = found->second;
  {
    const DeviceAccess access(*this);
    const auto look_at = [&](std::size_t begin, std::size_t count, const char* where) {
      allow(base_ + begin, count);
      for (std::size_t i = 0; i < count && damage->empty(); ++i) {
        if (static_cast<unsigned char>(base_[begin + i]) == kGapByte) continue;
        const std::size_t distance = begin + i < offset ? offset - begin - i : i;
        *damage = "a kernel wrote " + std::to_string(distance) + " bytes " + where + " of an allocation of " +
                  std::to_string(bytes) + " bytes";
      }
    };
    look_at(offset + bytes, gap_behind(bytes), "behind the end");
    look_at(offset - kGap, kGap, "before the start");
    forbid(base_ + offset - kGap, kGap + bytes + gap_behind(bytes));
  }
  live_.erase(found);
  used_ -= bytes;
  return true;
}

bool DeviceMemory::owns(const void* address) const {
  const auto* a = static_cast<const char*>(address);
  return a >= base_ && a < base_ + reserved_;
}

bool DeviceMemory::contains(const void* address, std::size_t bytes) const {
  if (!owns(address)) return false;
  const auto offset = static_cast<std::size_t>(static_cast<const char*>(address) - base_);
  auto after = live_.upper_bound(offset);
  if (after == live_.begin()) return false;
  const auto& [begin, size] = *std::prev(after);
  return offset + bytes <= begin + size;
}

}  // namespace gradus::cuda_emulator
