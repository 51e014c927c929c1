// The runtime's functions that the backend calls, with NVIDIA's own declarations: a program that is linked with this instead of
// cudart runs on the emulated machine. (CUDA Runtime API 13.0, sections 6.1 to 6.30, for what each call does and returns.)
#include <cuda_runtime_api.h>

#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "tests/cuda_emulator/emulator.h"
#include "tests/cuda_emulator/launch.h"
#include "tests/cuda_emulator/machine.h"

namespace gradus::cuda_emulator {
namespace {

std::mutex mutex;  // one call at a time
std::unique_ptr<Machine> the_machine;
thread_local int current_device = 0;
thread_local cudaError_t last_error = cudaSuccess;

Machine& machine() {
  if (the_machine == nullptr) the_machine = std::make_unique<Machine>(Options{});
  return *the_machine;
}

cudaError_t failed(cudaError_t error, const std::string& text) {
  if (the_machine != nullptr && the_machine->failure.empty()) the_machine->failure = text;
  return last_error = error;
}

// A call: f(machine) throws RuntimeError, or all went well.
template <class F>
cudaError_t call(F&& f) {
  const std::lock_guard lock(mutex);
  Machine& m = machine();
  if (m.sticky != cudaSuccess) return last_error = m.sticky;
  try {
    f(m);
  } catch (const RuntimeError& error) {
    return failed(error.code, error.what());
  }
  return m.sticky == cudaSuccess ? cudaSuccess : last_error = m.sticky;
}

// A call that is forbidden while a stream captures.
template <class F>
cudaError_t call_outside_capture(const char* name, F&& f) {
  return call([&](Machine& m) {
    if (m.forbidden_by_capture()) {
      m.break_captures(name);
      throw RuntimeError(cudaErrorStreamCaptureUnsupported, std::string(name) + " while a stream is capturing");
    }
    f(m);
  });
}

Stream& stream_of(Machine& m, cudaStream_t handle) {
  Stream& stream = m.stream(handle, current_device);
  if (stream.capture == nullptr && m.forbidden_by_capture() && handle == nullptr) {
    m.break_captures("work in the default stream");
    throw RuntimeError(cudaErrorStreamCaptureImplicit, "work in the default stream while another stream is capturing");
  }
  return stream;
}

std::shared_ptr<Event> event_outside_capture(const Machine& m, cudaEvent_t handle) {
  const std::shared_ptr<Event> event = m.event(handle);
  if (event->capture == nullptr) return event;
  throw RuntimeError(cudaErrorCapturedEvent, "the event was recorded in a capture, where nobody can wait for it");
}

// Work for a stream of another device than the current one. (Copies may be.)
void check_current(const Stream& stream, const std::string& what) {
  if (stream.device == current_device) return;
  throw RuntimeError(cudaErrorInvalidResourceHandle, what + ": its stream belongs to device " +
                                                         std::to_string(stream.device) + "; the current one is " +
                                                         std::to_string(current_device));
}

void check_device(const Machine& m, int device) {
  if (m.num_devices() == 0) throw RuntimeError(cudaErrorNoDevice, "there is no device");
  if (device < 0 || device >= m.num_devices())
    throw RuntimeError(cudaErrorInvalidDevice, "there is no device " + std::to_string(device));
}

enum class Timing { kNow, kInStream };

// What a copy may do at the time when it is asked for. Host memory of an asynchronous copy must be pinned: CUDA takes other memory,
// but then waits, or reads it later than one thinks.
void check_copy(const Machine& m, void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, Timing timing) {
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  const auto check = [&](const void* address, bool on_device, const char* what) {
    if (on_device) return m.check_device_range(address, bytes, what);
    if (m.device_of(address) >= 0)
      throw RuntimeError(cudaErrorInvalidValue,
                         std::string(what) + " is memory of a device; the copy's kind says host");
    if (timing == Timing::kInStream && !m.is_pinned(address, bytes)) {
      throw RuntimeError(
          cudaErrorInvalidValue,
          std::string(what) + " of an asynchronous copy is host memory that is not pinned (cudaMallocHost)");
    }
  };
  if (kind == cudaMemcpyDefault) throw RuntimeError(cudaErrorInvalidMemcpyDirection, "name the kind of the copy");
  check(to, to_device, "the copy's destination");
  check(from, from_device, "the copy's source");
}

// Of memory of any kind.
void copy_bytes(Machine& m, void* to, const void* from, std::size_t bytes) {
  ++m.counted.copies;
  std::unique_ptr<DeviceAccess> a, b;
  if (const int device = m.device_of(to); device >= 0) a = std::make_unique<DeviceAccess>(m.memory(device));
  if (const int device = m.device_of(from); device >= 0) b = std::make_unique<DeviceAccess>(m.memory(device));
  std::memmove(to, from, bytes);
}

void fill_bytes(Machine& m, void* to, int value, std::size_t bytes) {
  const DeviceAccess access(m.memory(m.device_of(to)));
  std::memset(to, value, bytes);
}

void check_launch(const Machine& m, const KernelLaunch& l, const Stream& stream) {
  check_device(m, current_device);
  const auto refuse = [&](cudaError_t code, const std::string& text) {
    throw RuntimeError(code, "kernel " + l.kernel + ": " + text);
  };
  check_current(stream, "kernel " + l.kernel);
  const std::size_t threads = std::size_t{l.block.x} * l.block.y * l.block.z;
  if (threads == 0 || threads > kMaxThreadsPerBlock || l.block.z > 64) {
    refuse(cudaErrorInvalidConfiguration, "a block has 1 to 1024 threads, at most 64 in z; got " +
                                              std::to_string(l.block.x) + " x " + std::to_string(l.block.y) + " x " +
                                              std::to_string(l.block.z));
  }
  if (l.grid.x == 0 || l.grid.y == 0 || l.grid.z == 0 || l.grid.x > 0x7FFFFFFF || l.grid.y > 65535 ||
      l.grid.z > 65535) {
    refuse(cudaErrorInvalidConfiguration, "a grid has 1 to 2^31 - 1 blocks in x and 1 to 65535 in y and z; got " +
                                              std::to_string(l.grid.x) + " x " + std::to_string(l.grid.y) + " x " +
                                              std::to_string(l.grid.z));
  }
  if (l.dynamic_bytes > l.allowed_bytes) {
    refuse(cudaErrorInvalidValue, "it asks for " + std::to_string(l.dynamic_bytes) +
                                      " bytes of dynamic shared memory; a block may have " +
                                      std::to_string(l.allowed_bytes) + " (cudaFuncSetAttribute raises that up to " +
                                      std::to_string(kSharedBytesOptIn) + ")");
  }
}

}  // namespace

void reset(const Options& options) {
  const std::lock_guard lock(mutex);
  the_machine.reset();
  the_machine = std::make_unique<Machine>(options);
  current_device = 0;
  last_error = cudaSuccess;
}

std::string failure() {
  const std::lock_guard lock(mutex);
  return machine().failure;
}

std::string check_memory(const void* address, std::size_t bytes) {
  const std::lock_guard lock(mutex);
  try {
    machine().check_device_range(address, bytes, "it");
  } catch (const RuntimeError& error) {
    return error.what();
  }
  return "";
}

Counts counts() {
  const std::lock_guard lock(mutex);
  return machine().counts();
}

cudaError_t enqueue_kernel(std::string name, const void* function, dim3 grid, dim3 block, std::size_t shared_bytes,
                           cudaStream_t stream, std::function<void()> body) {
  return call([&](Machine& m) {
    check_device(m, current_device);
    Stream& s = stream_of(m, stream);
    const auto limit = m.shared_limits.find(function);
    KernelLaunch launch{
        std::move(name), grid, block, shared_bytes, limit == m.shared_limits.end() ? kSharedBytes : limit->second,
        std::move(body)};
    check_launch(m, launch, s);
    m.put(s, [&m, launch = std::move(launch), device = s.device] {
      ++m.counted.kernels;
      m.run(launch, device);
    });
  });
}

}  // namespace gradus::cuda_emulator

using namespace gradus::cuda_emulator;  // the functions below are CUDA's, outside of all namespaces

// ---- Devices

cudaError_t cudaGetDeviceCount(int* count) {
  return call([&](Machine& m) {
    *count = m.num_devices();
    if (m.num_devices() == 0) throw RuntimeError(cudaErrorNoDevice, "there is no device");
  });
}
cudaError_t cudaSetDevice(int device) {
  return call([&](Machine& m) {
    check_device(m, device);
    current_device = device;
  });
}
cudaError_t cudaGetDevice(int* device) {
  return call([&](Machine&) { *device = current_device; });
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return call([&](Machine& m) {
    check_device(m, device);
    *properties = cudaDeviceProp{};
    std::strcpy(properties->name, "CUDA emulator");
    properties->totalGlobalMem = m.memory(device).total();
    properties->major = GRADUS_EMULATED_CAPABILITY / 10;
    properties->minor = GRADUS_EMULATED_CAPABILITY % 10;
    properties->multiProcessorCount = 132;
    properties->warpSize = static_cast<int>(kWarpSize);
    properties->maxThreadsPerBlock = static_cast<int>(kMaxThreadsPerBlock);
    properties->sharedMemPerBlock = kSharedBytes;
    properties->sharedMemPerBlockOptin = kSharedBytesOptIn;
  });
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  return call([&](Machine& m) {
    check_device(m, device);
    switch (attribute) {
      case cudaDevAttrComputeCapabilityMajor: *value = GRADUS_EMULATED_CAPABILITY / 10; break;
      case cudaDevAttrComputeCapabilityMinor: *value = GRADUS_EMULATED_CAPABILITY % 10; break;
      default: throw RuntimeError(cudaErrorInvalidValue, "an attribute of devices that is not emulated");
    }
  });
}
cudaError_t cudaDeviceSynchronize() {
  return call_outside_capture("cudaDeviceSynchronize", [](Machine& m) { m.finish_all(); });
}
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  return call([&](Machine& m) {
    check_device(m, current_device);
    *total = m.memory(current_device).total();
    *free = *total - m.memory(current_device).used();
  });
}
cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
  return call([&](Machine& m) {
    check_device(m, device);
    check_device(m, peer);
    *can = 0;  // copies between devices work all the same, by way of the host
  });
}

// ---- Errors

cudaError_t cudaGetLastError() {
  const std::lock_guard lock(mutex);
  const cudaError_t error = last_error;
  if (machine().sticky == cudaSuccess) last_error = cudaSuccess;
  return error;
}
cudaError_t cudaPeekAtLastError() { return last_error; }
const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
    case cudaErrorInvalidMemcpyDirection: return "cudaErrorInvalidMemcpyDirection";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorInvalidResourceHandle: return "cudaErrorInvalidResourceHandle";
    case cudaErrorNotReady: return "cudaErrorNotReady";
    case cudaErrorLaunchFailure: return "cudaErrorLaunchFailure";
    case cudaErrorIllegalState: return "cudaErrorIllegalState";
    case cudaErrorStreamCaptureUnsupported: return "cudaErrorStreamCaptureUnsupported";
    case cudaErrorStreamCaptureInvalidated: return "cudaErrorStreamCaptureInvalidated";
    case cudaErrorStreamCaptureMerge: return "cudaErrorStreamCaptureMerge";
    case cudaErrorStreamCaptureUnmatched: return "cudaErrorStreamCaptureUnmatched";
    case cudaErrorStreamCaptureUnjoined: return "cudaErrorStreamCaptureUnjoined";
    case cudaErrorStreamCaptureIsolation: return "cudaErrorStreamCaptureIsolation";
    case cudaErrorCapturedEvent: return "cudaErrorCapturedEvent";
    case cudaErrorStreamCaptureImplicit: return "cudaErrorStreamCaptureImplicit";
    default: return "unrecognized error code";
  }
}
const char* cudaGetErrorString(cudaError_t error) {
  // Says more than the device would: the reason of the first failure.
  static thread_local std::string text;
  text = error == cudaSuccess ? "no error" : std::string("emulated: ") + failure();
  return text.c_str();
}

// ---- Memory

cudaError_t cudaMalloc(void** address, std::size_t bytes) {
  return call_outside_capture("cudaMalloc", [&](Machine& m) {
    check_device(m, current_device);
    *address = nullptr;
    if (bytes == 0) return;
    *address = m.memory(current_device).allocate(bytes);
    if (*address == nullptr)
      throw RuntimeError(cudaErrorMemoryAllocation, "the device has no " + std::to_string(bytes) + " bytes left");
    ++m.counted.allocations;
  });
}
cudaError_t cudaFree(void* address) {
  return call_outside_capture("cudaFree", [&](Machine& m) {
    if (address == nullptr) return;
    m.finish_all();  // as the runtime does: work that is under way may use it
    const int device = m.device_of(address);
    std::string damage;
    if (device < 0 || !m.memory(device).release(address, &damage))
      throw RuntimeError(cudaErrorInvalidValue, "cudaFree of what is no allocation, or no longer");
    if (damage.empty()) return;
    m.sticky = cudaErrorLaunchFailure;
    throw RuntimeError(cudaErrorLaunchFailure, damage);
  });
}
cudaError_t cudaMallocHost(void** address, std::size_t bytes) {
  return call_outside_capture("cudaMallocHost", [&](Machine& m) {
    check_device(m, current_device);
    *address = m.allocate_host(bytes);
    if (*address == nullptr)
      throw RuntimeError(cudaErrorMemoryAllocation, "the host has no " + std::to_string(bytes) + " bytes left");
  });
}
cudaError_t cudaFreeHost(void* address) {
  return call_outside_capture("cudaFreeHost", [&](Machine& m) {
    if (address == nullptr) return;
    m.finish_all();
    if (!m.release_host(address))
      throw RuntimeError(cudaErrorInvalidValue, "cudaFreeHost of what is no pinned memory, or no longer");
  });
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  return call_outside_capture("cudaMemcpy", [&](Machine& m) {
    if (bytes == 0) return;
    check_copy(m, to, from, bytes, kind, Timing::kNow);
    m.finish(stream_of(m, nullptr));  // other streams are not waited for: those of the backend do not block
    copy_bytes(m, to, from, bytes);
  });
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return call([&](Machine& m) {
    Stream& s = stream_of(m, stream);
    if (bytes == 0) return;
    check_copy(m, to, from, bytes, kind, Timing::kInStream);
    m.put(s, [&m, to, from, bytes] { copy_bytes(m, to, from, bytes); });
  });
}
cudaError_t cudaMemcpyPeerAsync(void* to, int to_device, const void* from, int from_device, std::size_t bytes,
                                cudaStream_t stream) {
  return call([&](Machine& m) {
    Stream& s = stream_of(m, stream);
    if (bytes == 0) return;
    check_copy(m, to, from, bytes, cudaMemcpyDeviceToDevice, Timing::kInStream);
    if (m.device_of(to) != to_device || m.device_of(from) != from_device)
      throw RuntimeError(cudaErrorInvalidValue, "an address of the copy belongs to another device than was said");
    m.put(s, [&m, to, from, bytes] { copy_bytes(m, to, from, bytes); });
  });
}
cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
  return call_outside_capture("cudaMemset", [&](Machine& m) {
    if (bytes == 0) return;
    m.check_device_range(to, bytes, "the destination of cudaMemset");
    m.finish(stream_of(m, nullptr));
    fill_bytes(m, to, value, bytes);
  });
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  return call([&](Machine& m) {
    Stream& s = stream_of(m, stream);
    if (bytes == 0) return;
    check_current(s, "cudaMemsetAsync");
    m.check_device_range(to, bytes, "the destination of cudaMemsetAsync");
    m.put(s, [&m, to, value, bytes] { fill_bytes(m, to, value, bytes); });
  });
}

// ---- Streams and events

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return call([&](Machine& m) {
    check_device(m, current_device);
    if (flags != cudaStreamNonBlocking)
      throw RuntimeError(cudaErrorInvalidValue,
                         "streams that wait for the default stream are not emulated: cudaStreamNonBlocking");
    *stream = m.make_stream(current_device);
  });
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return call([&](Machine& m) { m.destroy_stream(stream); });
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return call_outside_capture("cudaStreamSynchronize", [&](Machine& m) { m.finish(stream_of(m, stream)); });
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  bool done = true;
  const cudaError_t error = call_outside_capture("cudaStreamQuery", [&](Machine& m) {
    const Stream& s = stream_of(m, stream);
    m.work_a_little([&] { return s.tasks.empty(); });
    done = s.tasks.empty();
  });
  return error == cudaSuccess && !done ? cudaErrorNotReady : error;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return call([&](Machine& m) { m.wait(stream_of(m, stream), m.event(event)); });
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return call([&](Machine& m) {
    check_device(m, current_device);
    *event = m.make_event(current_device);
  });
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return call([&](Machine& m) { m.destroy_event(event); });
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return call([&](Machine& m) { m.record(stream_of(m, stream), m.event(event)); });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return call_outside_capture("cudaEventSynchronize", [&](Machine& m) {
    const auto e = event_outside_capture(m, event);
    m.work_until([&] { return e->is_done(); });
  });
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  bool done = true;
  const cudaError_t error = call_outside_capture("cudaEventQuery", [&](Machine& m) {
    const auto e = event_outside_capture(m, event);
    m.work_a_little([&] { return e->is_done(); });
    done = e->is_done();
  });
  return error == cudaSuccess && !done ? cudaErrorNotReady : error;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  return call([&](Machine& m) {
    const auto a = m.event(begin), b = m.event(end);
    if (a->recorded == 0 || b->recorded == 0)
      throw RuntimeError(cudaErrorInvalidResourceHandle, "an event was never recorded");
    if (!a->is_done() || !b->is_done()) throw RuntimeError(cudaErrorNotReady, "an event has not happened yet");
    *milliseconds = std::chrono::duration<float, std::milli>(b->time - a->time).count();
  });
}

// ---- Kernels and graphs

cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  return call([&](Machine& m) {
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize)
      throw RuntimeError(cudaErrorInvalidValue, "an attribute of functions that is not emulated");
    if (value < 0 || static_cast<std::size_t>(value) > kSharedBytesOptIn) {
      throw RuntimeError(cudaErrorInvalidValue, "a block has at most " + std::to_string(kSharedBytesOptIn) +
                                                    " bytes of shared memory; asked for " + std::to_string(value));
    }
    m.shared_limits[function] = std::max(static_cast<std::size_t>(value), kSharedBytes);
  });
}
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return call([&](Machine& m) {
    if (stream == nullptr) throw RuntimeError(cudaErrorStreamCaptureUnsupported, "the default stream cannot capture");
    m.begin_capture(m.stream(stream, current_device), mode);
  });
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  return call([&](Machine& m) {
    *graph = static_cast<cudaGraph_t>(m.keep_graph(m.end_capture(m.stream(stream, current_device))));
  });
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return call([&](Machine& m) {
    const Stream& s = m.stream(stream, current_device);
    *status = s.capture == nullptr        ? cudaStreamCaptureStatusNone
              : s.capture->broken.empty() ? cudaStreamCaptureStatusActive
                                          : cudaStreamCaptureStatusInvalidated;
  });
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  return call([&](Machine& m) { *executable = static_cast<cudaGraphExec_t>(m.keep_graph(m.graph(graph))); });
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  return call([&](Machine& m) {
    Stream& s = stream_of(m, stream);
    check_current(s, "cudaGraphLaunch");
    m.launch(s, m.graph(executable));
  });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return call([&](Machine& m) { m.destroy_graph(graph); });
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  return call([&](Machine& m) { m.destroy_graph(executable); });
}
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
  return call([&](Machine& m) {
    if (nodes != nullptr)
      throw RuntimeError(cudaErrorInvalidValue, "the nodes of a graph are not emulated, only their number");
    *count = m.graph(graph)->nodes.size();
  });
}
