#include "gradus/backends/cuda/device.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "gradus/backends/cuda/architectures.h"
#include "gradus/backends/cuda/recorder.h"

#include "gradus/cuda_verdict.h"

namespace gradus::cuda {
namespace {

// Why a GPU cannot run this build's kernels; empty where it can. Builds for tests on the emulator do not say what they are for.
std::string cannot_run_on(int index) {
  int major = 0, minor = 0;
  GRADUS_CUDA(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, index));
  GRADUS_CUDA(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, index));
  const std::string_view built = GRADUS_CUDA_ARCHITECTURES;
  if (built.empty() || runs_on(built, major, minor)) return "";
  return fmt::format(
      "cuda:{} has compute capability {}.{}, and this build's kernels are for {} (CMAKE_CUDA_ARCHITECTURES); configure "
      "with -DCMAKE_CUDA_ARCHITECTURES={}{}",
      index, major, minor, built, major, minor);
}

}  // namespace

CudaDevice::CudaDevice(int index, const DeviceOptions& options) : Device({"cuda", index}, options), cudnn_(index) {
  if (const std::string wrong = cannot_run_on(index); !wrong.empty()) throw unavailable(wrong);
  make_current();
  stream_ = make_stream();
}

// Buffers may live longer than the device; what is still under way must not use what is given back.
CudaDevice::~CudaDevice() {
  static_cast<void>(cudaSetDevice(name().index));
  static_cast<void>(cudaStreamSynchronize(stream_.get()));
}

void CudaDevice::make_current() const { GRADUS_CUDA(cudaSetDevice(name().index)); }

void CudaDevice::refuse_while_recording(const char* what) const {
  if (CudaRecorder::of(*this) == nullptr) return;
  throw Error(
      Code::kUnimplemented,
      fmt::format("a kernel {} while its step is recorded, which could not be repeated: a kernel's work is what "
                  "it launches",
                  what));
}

Buffer CudaDevice::allocate(std::size_t bytes) {
  refuse_while_recording("allocates memory");
  make_current();
  void* memory = nullptr;
  const cudaError_t error = cudaMalloc(&memory, bytes == 0 ? 1 : bytes);
  if (error == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());  // so that later calls do not answer with it
    std::size_t free = 0, total = 0;
    GRADUS_CUDA(cudaMemGetInfo(&free, &total));
    constexpr std::size_t kMiB = std::size_t{1} << 20;
    throw Error(Code::kResourceExhausted,
                fmt::format("{} has no {} MiB left: {} of {} MiB are free, what other programs use included",
                            name().to_string(), (bytes + kMiB - 1) / kMiB, free / kMiB, total / kMiB));
  }
  check(error, "cudaMalloc");
  return {memory, [index = name().index](void* m) {
            static_cast<void>(cudaSetDevice(index));
            static_cast<void>(cudaFree(m));
          }};
}

void CudaDevice::copy_from_host(void* device_memory, const void* host, std::size_t bytes) {
  refuse_while_recording("copies from the host");
  if (bytes == 0) return;
  make_current();
  staging_.upload(device_memory, host, bytes, stream_.get());
}

void CudaDevice::copy_to_host(void* host, const void* device_memory, std::size_t bytes) {
  refuse_while_recording("copies to the host");
  make_current();
  if (bytes > 0) staging_.download(host, device_memory, bytes, stream_.get());
  throw_finding();
}

void CudaDevice::copy(void* to, const void* from, std::size_t bytes) {
  make_current();
  if (bytes > 0) GRADUS_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream()));
}

bool CudaDevice::copy_from(Device& other, void* to, const void* from, std::size_t bytes) {
  auto* const source = dynamic_cast<CudaDevice*>(&other);
  if (source == nullptr) return false;
  if (bytes == 0) return true;
  source->make_current();
  const Event computed = make_event();
  GRADUS_CUDA(cudaEventRecord(computed.get(), source->stream()));
  make_current();
  const Event copied = make_event();
  GRADUS_CUDA(cudaStreamWaitEvent(stream(), computed.get(), 0));
  GRADUS_CUDA(cudaMemcpyPeerAsync(to, name().index, from, source->name().index, bytes, stream()));
  GRADUS_CUDA(cudaEventRecord(copied.get(), stream()));
  // Its memory may be written again when it has been read.
  source->make_current();
  GRADUS_CUDA(cudaStreamWaitEvent(source->stream(), copied.get(), 0));
  return true;
}

void CudaDevice::fill(void* device_memory, unsigned char byte, std::size_t bytes) {
  make_current();
  if (bytes > 0) GRADUS_CUDA(cudaMemsetAsync(device_memory, byte, bytes, stream()));
}

void CudaDevice::synchronize() {
  refuse_while_recording("waits for the device");
  make_current();
  GRADUS_CUDA(cudaStreamSynchronize(stream_.get()));
  throw_finding();
}

std::int64_t CudaDevice::memory_bytes() const {
  make_current();
  std::size_t free = 0, total = 0;
  GRADUS_CUDA(cudaMemGetInfo(&free, &total));
  return static_cast<std::int64_t>(total);
}

unsigned CudaDevice::add_mistake(Code code, std::string where, Describe describe) {
  const std::lock_guard lock(mutex_);
  const std::string text = fmt::format("{} {} {}", static_cast<int>(code), where, describe(0, 1, 2));
  unsigned& number = mistake_numbers_[text];
  if (number == 0) {
    mistakes_.push_back({code, std::move(where), std::move(describe)});
    number = static_cast<unsigned>(mistakes_.size());
  }
  return number;
}

Buffer CudaDevice::make_findings() {
  Buffer findings = allocate(sizeof(Finding));
  fill(findings.get(), 0, sizeof(Finding));
  return findings;
}

namespace {

void add_once(std::vector<Buffer>& all, const Buffer& findings) {
  if (std::find(all.begin(), all.end(), findings) == all.end()) all.push_back(findings);
}

}  // namespace

void CudaDevice::look_at(const Buffer& findings) {
  const std::lock_guard lock(mutex_);
  std::erase(unheard_, findings);  // what is in it is heard by this thread
  add_once(lookouts_[std::this_thread::get_id()].to_look_at, findings);
}

Finding* CudaDevice::findings() {
  if (CudaRecorder* recorder = CudaRecorder::of(*this); recorder != nullptr) return recorder->findings();
  const std::lock_guard lock(mutex_);
  Lookout& own = lookouts_[std::this_thread::get_id()];
  if (own.findings == nullptr && !spare_findings_.empty()) {
    own.findings = std::move(spare_findings_.back());
    spare_findings_.pop_back();
    std::erase(unheard_, own.findings);  // what is in it is heard by this thread
  }
  if (own.findings == nullptr) own.findings = make_findings();
  add_once(own.to_look_at, own.findings);
  return static_cast<Finding*>(own.findings.get());
}

void CudaDevice::end_run() {
  const std::lock_guard lock(mutex_);
  const auto own = lookouts_.find(std::this_thread::get_id());
  if (own == lookouts_.end()) return;
  for (const Buffer& findings : own->second.to_look_at) add_once(unheard_, findings);
  if (own->second.findings != nullptr) spare_findings_.push_back(own->second.findings);
  lookouts_.erase(own);
}

void CudaDevice::take_finding(const Buffer& findings, Finding* first) {
  Finding finding{};
  staging_.download(&finding, findings.get(), sizeof(finding), stream_.get());
  if (finding.number == 0) return;
  fill(findings.get(), 0, sizeof(Finding));
  if (first->number == 0) *first = finding;
}

// All work has been waited for. The first of what was found is thrown; the rest is forgotten with it.
void CudaDevice::throw_finding() {
  Finding first{};
  std::vector<Buffer> own;
  {
    const std::lock_guard lock(mutex_);
    // While the lock is held nobody begins to use them again, whose findings would be made empty with these.
    for (const Buffer& findings : std::exchange(unheard_, {})) take_finding(findings, &first);
    const auto lookout = lookouts_.find(std::this_thread::get_id());
    if (lookout != lookouts_.end()) own = std::exchange(lookout->second.to_look_at, {});
  }
  for (const Buffer& findings : own) take_finding(findings, &first);
  if (first.number == 0) return;
  const std::lock_guard lock(mutex_);
  const Mistake& mistake = mistakes_.at(first.number - 1);
  throw Error(mistake.code, mistake.where + " " + mistake.describe(first.values[0], first.values[1], first.values[2]));
}

std::unique_ptr<Recorder> CudaDevice::record() { return std::make_unique<CudaRecorder>(*this); }

cudaStream_t CudaDevice::stream() const {
  const CudaRecorder* recorder = CudaRecorder::of(*this);
  return recorder == nullptr ? stream_.get() : recorder->stream();
}

CudaDevice& device_of(KernelContext& c) { return static_cast<CudaDevice&>(c.device()); }

std::vector<DeviceInfo> list_devices() {
  std::vector<DeviceInfo> devices;
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) return devices;
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp p{};
    GRADUS_CUDA(cudaGetDeviceProperties(&p, i));
    devices.push_back(
        {{"cuda", i},
         fmt::format("{}, {} MiB, compute capability {}.{}", p.name, p.totalGlobalMem >> 20, p.major, p.minor)});
  }
  return devices;
}

namespace {

std::string cuda_version(int v) { return fmt::format("{}.{}", v / 1000, v % 1000 / 10); }

}  // namespace

std::vector<std::string> software() {
  int driver = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess) driver = 0;
  const cudnn::Found cudnn = cudnn::find();
  return {fmt::format("backend {}", GRADUS_CUDA_VERDICT),
          fmt::format("CUDA runtime {}, {}", cuda_version(CUDART_VERSION),
                      driver == 0 ? "no driver" : "a driver that goes up to CUDA " + cuda_version(driver)),
          cudnn.missing.empty() ? fmt::format("cuDNN {} ({})", cudnn.version, cudnn.path)
                                : "convolutions by plain kernels: " + cudnn.missing};
}

std::string what_is_missing() {
  int driver = 0, count = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
    return "this machine has no NVIDIA driver (libcuda.so.1 was not found, or is none); use cpu:0 or ref:0";
  }
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaErrorInsufficientDriver) {
    return fmt::format("the NVIDIA driver is too old: it goes up to CUDA {}, this build needs {}", cuda_version(driver),
                       cuda_version(CUDART_VERSION));
  }
  if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0)) {
    const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES");
    return visible == nullptr ? "the NVIDIA driver finds no GPU"
                              : fmt::format("the NVIDIA driver finds no GPU; CUDA_VISIBLE_DEVICES is '{}'", visible);
  }
  if (error != cudaSuccess) {
    return fmt::format("the NVIDIA driver does not work: {} ({}); use cpu:0 or ref:0", cudaGetErrorString(error),
                       cudaGetErrorName(error));
  }
  std::string wrong;
  for (int i = 0; i < count; ++i) {  // one that can be used is enough
    wrong = cannot_run_on(i);
    if (wrong.empty()) return "";
  }
  return wrong;
}

}  // namespace gradus::cuda
