// A GPU as a device of the engine: its memory, one stream in which all work takes its turn, and what kernels find wrong. Several threads
// may use it at the same time; each hears of what its own kernels found.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "gradus/backends/cuda/cudnn/cudnn.h"
#include "gradus/backends/cuda/handles.h"
#include "gradus/backends/cuda/staging.h"
#include "gradus/core/device.h"
#include "gradus/core/error.h"
#include "gradus/core/kernel.h"

namespace gradus::cuda {

// What a kernel that finds something wrong leaves in the device's memory: the first to do so, until the host reads it.
struct Finding {
  unsigned number;  // of the mistake, 0: none (CudaDevice::add_mistake)
  unsigned unused;
  long long values[3];  // for its text
};

class CudaDevice final : public Device {
 public:
  CudaDevice(int index, const DeviceOptions& options);
  ~CudaDevice() override;

  Buffer allocate(std::size_t bytes) override;
  void copy_from_host(void* device_memory, const void* host, std::size_t bytes) override;
  void copy_to_host(void* host, const void* device_memory, std::size_t bytes) override;
  void copy(void* to, const void* from, std::size_t bytes) override;
  bool copy_from(Device& source, void* to, const void* from, std::size_t bytes) override;
  void fill(void* device_memory, unsigned char byte, std::size_t bytes) override;
  void synchronize() override;
  void end_run() override;
  std::int64_t memory_bytes() const override;
  bool uses_host_memory() const override { return false; }

  std::unique_ptr<Recorder> record() override;

  // Where this thread's work goes: the device's stream or, while this thread records, that of the recording.
  cudaStream_t stream() const;
  // The plans that cuDNN has for this device, and what runs them.
  cudnn::Context& cudnn() { return cudnn_; }
  // Makes this the device that CUDA's calls of this thread speak of.
  void make_current() const;

  // A kernel cannot throw. What it may find wrong is a Mistake, which has a number; where it finds it, it leaves a Finding with that number
  // in memory that is looked at when the host next waits. Each thread that runs a plan has such memory of its own (its Lookout).
  //
  // What a kernel may find wrong, said once per plan: where() of its node, and what to say of the three values that the kernel leaves.
  // Returns its number.
  using Describe = std::function<std::string(std::int64_t, std::int64_t, std::int64_t)>;
  unsigned add_mistake(Code code, std::string where, Describe describe);
  // Where the kernel writes it (report() in kernels.h). Called whenever such a kernel is launched.
  Finding* findings();
  // Memory for one finding, with none in it yet.
  Buffer make_findings();
  // A recording whose kernels write there is about to be submitted by this thread, which will look there too.
  void look_at(const Buffer& findings);

 private:
  // What a thread of the host has to look at while it runs a plan: where kernels may write that were launched since it looked last.
  struct Lookout {
    Buffer findings;
    std::vector<Buffer> to_look_at;  // this, and those of recordings
  };
  void throw_finding();
  // Reads what is there, and makes it empty.
  void take_finding(const Buffer& findings, Finding* first);
  // What this thread does now would be done once, and not again when the recording is repeated.
  void refuse_while_recording(const char* what) const;

  struct Mistake {
    Code code;
    std::string where;
    Describe describe;
  };
  std::mutex mutex_;  // guards all below but staging_ and cudnn_, which have their own; the stream keeps its own order
  std::vector<Mistake> mistakes_;
  std::unordered_map<std::string, unsigned>
      mistake_numbers_;  // by their text: plans come and go, and say the same again
  std::map<std::thread::id, Lookout> lookouts_;
  std::vector<Buffer> unheard_;         // of runs that have ended without waiting, for whichever thread waits next
  std::vector<Buffer> spare_findings_;  // of no thread; what is in one that is unheard as well is for whoever takes it
  Staging staging_;
  Stream stream_;
  cudnn::Context cudnn_;
};

// That the kernel runs on.
CudaDevice& device_of(KernelContext& c);

// As the command line shows them; `missing` is empty where the devices can be used.
std::vector<DeviceInfo> list_devices();
std::string what_is_missing();
// The compiler, CUDA's runtime and driver, and cuDNN.
std::vector<std::string> software();

}  // namespace gradus::cuda
