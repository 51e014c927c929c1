// Devices and backends. A backend is a device type ("ref", "cpu", "cuda") with its own memory; it is known to the rest
// only by what it registers here. A session creates its own Device objects, so devices are never shared between sessions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/core/conv_algorithm.h"
#include "gradus/core/tensor.h"
#include "gradus/core/thread_pool.h"

namespace gradus {

// "cpu:0": a device type and an index.
struct DeviceName {
  std::string type = "cpu";
  int index = 0;

  // Accepts "cpu:0" and "cpu" (index 0); throws InvalidArgument for anything else.
  static DeviceName parse(std::string_view text);
  std::string to_string() const { return type + ":" + std::to_string(index); }
  friend bool operator==(const DeviceName&, const DeviceName&) = default;
};

// Work of a device that was recorded, to be repeated.
class Recording {
 public:
  virtual ~Recording() = default;
  // Submits all of it once more, on the same memory, ordered like one kernel.
  virtual void replay() = 0;
};

// While one is alive, what its thread submits to the device is kept instead of being done. Ends before another is made.
class Recorder {
 public:
  // Gives up what was recorded, unless it was finished.
  virtual ~Recorder() = default;
  // What is submitted from here on is of this step, by a number of the caller's. It comes after the steps of its stream, and after those
  // in `after`, which began before; other streams may work at the same time.
  virtual void begin_step(int step, int stream, std::span<const int> after) = 0;
  // Throws Error where something was submitted that cannot be repeated.
  virtual std::unique_ptr<Recording> finish() = 0;
};

// What a session's options mean for its devices; each takes what concerns it.
struct DeviceOptions {
  int num_threads = 0;        // 0: one per processor
  bool allow_tf32 = false;    // float32 products may be rounded to 10 bits of mantissa where that is faster
  bool deterministic = true;  // the same bits in every run
  bool autotune = false;      // what is fastest is found by trying, when a plan is made
  ConvAlgorithm conv_algorithm = ConvAlgorithm::kAuto;  // of CPUs
  bool flush_subnormals = false;                        // of CPUs
};

// What sessions compute with. Several threads may call one device at the same time (SessionOptions::concurrent_runs): work of one thread
// keeps its order.
class Device {
 public:
  explicit Device(DeviceName name, const DeviceOptions& options = {}) : name_(std::move(name)), options_(options) {}
  virtual ~Device() = default;
  const DeviceName& name() const { return name_; }
  const DeviceOptions& options() const { return options_; }

  // 64-byte aligned (at least) uninitialised memory of this device; throws ResourceExhausted.
  virtual Buffer allocate(std::size_t bytes) = 0;
  // Copies between this device's memory and host memory, ordered after all work submitted so far.
  virtual void copy_from_host(void* device_memory, const void* host, std::size_t bytes) = 0;
  // Also throws what kernels have found wrong since the last synchronisation (see below).
  virtual void copy_to_host(void* host, const void* device_memory, std::size_t bytes) = 0;
  // Within this device's memory, ordered like a kernel; the ranges do not overlap. The default goes by way of the host.
  virtual void copy(void* to, const void* from, std::size_t bytes);
  // From the memory of another device of this type: after all that either was given so far, and before what either is given from then
  // on. False where there is no such way (the default): then a copy goes by way of the host.
  virtual bool copy_from(Device& /*source*/, void* /*to*/, const void* /*from*/, std::size_t /*bytes*/) {
    return false;
  }
  // Sets every byte, ordered like a kernel. The default copies them from the host.
  virtual void fill(void* device_memory, unsigned char byte, std::size_t bytes);
  // Writes the number of the run for kernels that read it (KernelContext::run_number), ordered like a kernel; not counted as a feed.
  virtual void store_number(void* device_memory, std::uint64_t number) {
    copy_from_host(device_memory, &number, sizeof(number));
  }
  // Waits for all submitted work. Where kernels compute while the host goes on, what they find wrong (a label that is no class) is thrown
  // here, the first of it, with the Error's text beginning with the kernel's where().
  virtual void synchronize() {}
  // This thread has submitted all of a run, or failed to. What kernels found meanwhile is thrown to whichever thread waits next.
  virtual void end_run() {}
  // nullptr for a device that cannot record (the default).
  virtual std::unique_ptr<Recorder> record() { return nullptr; }
  // All the memory that there is, 0 where that is not known: a larger result is refused when a plan is made, before it is allocated.
  virtual std::int64_t memory_bytes() const { return 0; }
  // True when kernels and the host may use each other's pointers, so that feeds and fetches need no copy.
  virtual bool uses_host_memory() const { return true; }
  // Threads that kernels may use, nullptr for a device without.
  virtual ThreadPool* thread_pool() { return nullptr; }

 private:
  DeviceName name_;
  DeviceOptions options_;
};

// A device whose memory is the host's. Both CPU backends use it, each with its own buffers.
class HostDevice final : public Device {
 public:
  HostDevice(DeviceName name, std::shared_ptr<ThreadPool> pool, const DeviceOptions& options = {})
      : Device(std::move(name), options), pool_(std::move(pool)) {}
  Buffer allocate(std::size_t bytes) override { return allocate_host(bytes); }
  std::int64_t memory_bytes() const override;
  void copy_from_host(void* device_memory, const void* host, std::size_t bytes) override;
  void copy_to_host(void* host, const void* device_memory, std::size_t bytes) override;
  void fill(void* device_memory, unsigned char byte, std::size_t bytes) override;
  ThreadPool* thread_pool() override { return pool_.get(); }

 private:
  std::shared_ptr<ThreadPool> pool_;
};

// device.allocate(bytes). Throws Internal for a device that gives nothing.
Buffer allocate_on(Device& device, std::size_t bytes);

// Lower-case letters, digits and '_': "cpu".
bool is_device_type(std::string_view text);

struct DeviceInfo {
  DeviceName name;
  std::string description;  // "x86-64, AVX2, 2 threads"
};

struct Backend {
  std::string type;
  std::string description;
  int rank = 0;  // the usable backend of the highest rank is where graphs run by default; one below 0 never is
  // The devices of this type on this machine.
  std::function<std::vector<DeviceInfo>()> list;
  // Empty when usable; otherwise the first missing link (build option, library, driver, device).
  std::function<std::string()> missing;
  std::function<std::unique_ptr<Device>(int index, const DeviceOptions&)> create;
  // What it is built of and what was found of it on this machine, a line each, whether it can be used or not; optional.
  std::function<std::vector<std::string>()> details = {};
};

class BackendRegistry {
 public:
  // Throws InvalidArgument when the type exists already or is none, and without one of the three functions.
  void add(Backend backend);
  // nullptr when there is no such type.
  const Backend* find(std::string_view type) const;
  const std::vector<std::unique_ptr<Backend>>& all() const { return backends_; }
  // Those that can be used here and have devices, the highest rank first.
  std::vector<const Backend*> usable() const;
  // Throws NotFound (unknown type, listing those that exist), Unavailable (naming what is missing), or Internal (it makes none).
  std::unique_ptr<Device> create(const DeviceName& name, const DeviceOptions& options) const;

 private:
  std::vector<std::unique_ptr<Backend>> backends_;
};

}  // namespace gradus
