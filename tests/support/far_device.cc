#include "tests/support/far_device.h"

#include <sys/mman.h>

#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <new>
#include <stdexcept>

#include "gradus/core/kernel.h"
#include "gradus/graph/op_registry.h"
#include "tests/support/fused_kernels.h"

namespace gradus {
namespace {

// The memory of all far devices: one range of addresses, which nobody can touch while it is closed.
class Heap {
 public:
  static Heap& instance() {
    static Heap& heap = *new Heap;  // never destroyed: buffers may outlive everything
    return heap;
  }

  void* allocate(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const std::size_t size = (bytes + 63) / 64 * 64 + 64;  // a gap, so that equal addresses never mean neighbours
    std::size_t at = top_;
    for (auto piece = free_.begin(); piece != free_.end(); ++piece) {
      if (piece->second != size) continue;
      at = piece->first;
      free_.erase(piece);
      break;
    }
    if (at == top_) {
      if (top_ + size > kReserved) throw std::bad_alloc();
      top_ += size;
      if (open_ > 0) protect(PROT_READ | PROT_WRITE);
    }
    sizes_[at] = size;
    return base_ + at;
  }

  void release(void* memory) {
    const std::lock_guard lock(mutex_);
    const auto at = static_cast<std::size_t>(static_cast<char*>(memory) - base_);
    free_.emplace(at, sizes_.at(at));
    sizes_.erase(at);
    if (!sizes_.empty()) return;
    // Protecting costs as much as there are pages in use: nobody needs these any more.
    madvise(base_, top_, MADV_DONTNEED);
    free_.clear();
    top_ = 0;
  }

  void open() {
    const std::lock_guard lock(mutex_);
    if (open_++ == 0) protect(PROT_READ | PROT_WRITE);
  }
  void close() {
    const std::lock_guard lock(mutex_);
    if (--open_ == 0) protect(PROT_NONE);
  }

 private:
  static constexpr std::size_t kReserved = std::size_t{1} << 32;
  static constexpr std::size_t kPage = 4096;

  Heap() {
    void* memory = mmap(nullptr, kReserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<char*>(memory);
    madvise(base_, kReserved, MADV_HUGEPAGE);  // fewer pages
  }
  void protect(int access) {
    const std::size_t used = (top_ + kPage - 1) / kPage * kPage;
    if (used > 0 && mprotect(base_, used, access) != 0) throw std::runtime_error("mprotect failed");
  }

  std::mutex mutex_;
  char* base_ = nullptr;
  std::size_t top_ = 0;
  int open_ = 0;
  std::map<std::size_t, std::size_t> sizes_, free_;  // offset -> bytes
};

struct Open {
  Open() { Heap::instance().open(); }
  ~Open() { Heap::instance().close(); }
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;
};

std::mutex mutex;
FarCopies copies;
DeviceOptions last_options;

class FarDevice final : public Device {
 public:
  explicit FarDevice(int index) : Device({"far", index}) {}

  Buffer allocate(std::size_t bytes) override {
    return {Heap::instance().allocate(bytes), [](void* memory) { Heap::instance().release(memory); }};
  }
  void copy_from_host(void* device_memory, const void* host, std::size_t bytes) override {
    const Open open;
    if (bytes > 0) std::memcpy(device_memory, host, bytes);
    const std::lock_guard lock(mutex);
    ++copies.uploads;
    copies.uploaded_bytes += bytes;
  }
  void copy_to_host(void* host, const void* device_memory, std::size_t bytes) override {
    synchronize();
    const Open open;
    if (bytes > 0) std::memcpy(host, device_memory, bytes);
    const std::lock_guard lock(mutex);
    ++copies.downloads;
    copies.downloaded_bytes += bytes;
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    const Open open;
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void fill(void* device_memory, unsigned char byte, std::size_t bytes) override {
    const Open open;
    if (bytes > 0) std::memset(device_memory, byte, bytes);
  }
  void store_number(void* device_memory, std::uint64_t number) override {
    const Open open;
    std::memcpy(device_memory, &number, sizeof(number));
  }
  void synchronize() override {
    if (error_ == nullptr) return;
    std::rethrow_exception(std::exchange(error_, nullptr));
  }
  bool uses_host_memory() const override { return false; }

  void keep(std::exception_ptr error) {
    if (error_ == nullptr) error_ = std::move(error);
  }

 private:
  std::exception_ptr error_;  // the first since the last synchronisation
};

std::map<const KernelDef*, const KernelDef*>& reference_kernels() {
  static std::map<const KernelDef*, const KernelDef*> kernels;
  return kernels;
}

void compute(KernelContext& c) {
  const Open open;
  try {
    reference_kernels().at(&c.kernel())->compute(c);
  } catch (const Error& error) {
    static_cast<FarDevice&>(c.device()).keep(std::make_exception_ptr(Error(error.code(), c.located(error.what()))));
  }
}

// With the memory closed: nothing is to be read or written yet.
void prepare(KernelContext& c) {
  if (const KernelFn prepare = reference_kernels().at(&c.kernel())->prepare) prepare(c);
}

void register_far_device() {
  backend_registry().add({.type = "far",
                          .description = "memory apart from the host's; for tests",
                          .rank = -1,
                          .list =
                              [] {
                                return std::vector<DeviceInfo>{{{"far", 0}, "for tests"}, {{"far", 1}, "for tests"}};
                              },
                          .missing = [] { return std::string(); },
                          .create = [](int index, const DeviceOptions& options) -> std::unique_ptr<Device> {
                            last_options = options;
                            return std::make_unique<FarDevice>(index);
                          }});
  KernelRegistry& kernels = kernel_registry();
  for (const KernelDef* reference : kernels.of_device("ref")) {
    reference_kernels()[&kernels.add({.op = reference->op,
                                      .device_type = "far",
                                      .dtypes = reference->dtypes,
                                      .compute = compute,
                                      .prepare = prepare,
                                      .description = reference->description})] = reference;
  }
  for (const KernelDef& fused : fused_test_kernels()) {
    const KernelDef& far = fused.chain.empty() ? kernels.add_batched(fused.op, "far", fused.dtypes, compute, prepare)
                                               : kernels.add_fused(fused.chain, "far", fused.dtypes, compute, prepare);
    reference_kernels()[&far] = &fused;
  }
}

[[maybe_unused]] const bool registered = [] {
  register_far_device();
  return true;
}();

}  // namespace

FarCopies far_copies() {
  const std::lock_guard lock(mutex);
  return copies;
}
void reset_far_copies() {
  const std::lock_guard lock(mutex);
  copies = {};
}
DeviceOptions last_far_options() { return last_options; }

}  // namespace gradus
