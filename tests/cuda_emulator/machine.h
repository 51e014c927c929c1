// The emulated machine: devices, streams, events, and graphs that were captured. runtime.cc gives it CUDA's functions. Nothing here is
// for several threads; runtime.cc lets one in at a time.
#pragma once

#include <cuda_runtime_api.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/cuda_emulator/device_memory.h"
#include "tests/cuda_emulator/emulator.h"

namespace gradus::cuda_emulator {

// What a runtime call ends with, and why.
struct RuntimeError : std::runtime_error {
  RuntimeError(cudaError_t error, const std::string& text) : std::runtime_error(text), code(error) {}
  cudaError_t code;
};

using Work = std::function<void()>;

// Work and what must be done before it, by number in the graph.
struct GraphNode {
  Work work;
  std::vector<std::size_t> after;
};
struct Graph {
  std::vector<GraphNode> nodes;
};

struct Stream;
// Streams that write into a graph instead of working.
struct Capture {
  std::shared_ptr<Graph> graph = std::make_shared<Graph>();
  Stream* origin = nullptr;
  std::set<Stream*> streams;  // the origin and those that joined by waiting for an event
  std::string broken;         // by which call
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id thread;  // that began it
  // Calls that no capture can hold are forbidden to all threads, to the one that began it, or to none.
  bool forbids() const {
    return mode == cudaStreamCaptureModeGlobal ||
           (mode == cudaStreamCaptureModeThreadLocal && thread == std::this_thread::get_id());
  }
  bool has_ended = false;
};

struct Event {
  int device = 0;
  std::uint64_t recorded = 0;    // how often it was put into a stream
  std::uint64_t all_done = 0;    // up to which of these all came to pass
  std::set<std::uint64_t> done;  // and which after it: not in order, where the streams are several
  std::chrono::steady_clock::time_point time;
  std::shared_ptr<Capture> capture;  // in which it was recorded last
  std::vector<std::size_t> after;    // the nodes that it stands for there
  bool is_done(std::uint64_t generation) const { return generation <= all_done || done.contains(generation); }
  bool is_done() const { return is_done(recorded); }
};

struct Task {
  Work work;  // or, where it is empty, a wait
  std::shared_ptr<Event> event = nullptr;
  std::uint64_t generation = 0;
};

struct Stream {
  explicit Stream(int of_device) : device(of_device) {}
  int device;
  std::deque<Task> tasks;
  std::shared_ptr<Capture> capture;
  std::vector<std::size_t> last;  // nodes that the next node comes after
};

class Machine {
 public:
  explicit Machine(const Options& options);

  int num_devices() const { return static_cast<int>(memories_.size()); }
  DeviceMemory& memory(int device) { return *memories_.at(static_cast<std::size_t>(device)); }
  // The device that owns the address; -1 where none does.
  int device_of(const void* address) const;
  void check_device_range(const void* address, std::size_t bytes, const char* what) const;

  void* allocate_host(std::size_t bytes);
  bool release_host(void* address);
  bool is_pinned(const void* address, std::size_t bytes) const;

  // Handles are addresses of what they stand for. nullptr is the device's own stream.
  Stream& stream(cudaStream_t handle, int current_device);
  std::shared_ptr<Event> event(cudaEvent_t handle) const;
  std::shared_ptr<Graph> graph(const void* handle) const;
  cudaStream_t make_stream(int device);
  cudaEvent_t make_event(int device);
  void* keep_graph(std::shared_ptr<Graph> graph);  // a graph, or one that can be launched
  void destroy_stream(cudaStream_t handle);
  void destroy_event(cudaEvent_t handle);
  void destroy_graph(void* handle);

  void put(Stream& stream, Work work);
  void record(Stream& stream, const std::shared_ptr<Event>& event);
  void wait(Stream& stream, const std::shared_ptr<Event>& event);
  void launch(Stream& stream, const std::shared_ptr<Graph>& graph);
  void begin_capture(Stream& stream, cudaStreamCaptureMode mode);
  std::shared_ptr<Graph> end_capture(Stream& stream);
  // Whether this thread may not make such calls now.
  bool forbidden_by_capture() const;
  // Marks the captures that forbid it as broken by this call.
  void break_captures(const char* call);

  // Work on, in an order drawn from the seed, until the condition holds or nothing is left.
  void work_until(const std::function<bool()>& condition);
  // So that asking again and again comes to an end.
  void work_a_little(const std::function<bool()>& condition) {
    work_until([&, turn = 0]() mutable { return turn++ > 0 || condition(); });
  }
  void finish(const Stream& stream);
  void finish_all() {
    work_until([] { return false; });
  }

  // For work: until it is over, this device's memory can be used, and that of others cannot.
  void use(int device);
  void run(const KernelLaunch& launch, int device);
  Counts counts() const;

  std::string failure;                               // of the first work that failed
  cudaError_t sticky = cudaSuccess;                  // what every call ends with since then
  std::map<const void*, std::size_t> shared_limits;  // by kernel, of cudaFuncSetAttribute
  Counts counted;

 private:
  bool do_one_task();
  void perform(Task task);

  Options options_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<DeviceMemory>> memories_;
  std::vector<std::unique_ptr<Stream>> default_streams_;
  std::vector<std::unique_ptr<Stream>>
      streams_;  // in the order in which they were made, so that a seed means one order of work
  std::map<const void*, std::shared_ptr<Event>> events_;
  std::map<const void*, std::shared_ptr<Graph>> graphs_;
  std::map<const char*, std::size_t> pinned_;
  // Kept from one piece of work to the next: changing the protection of memory takes longer than a small kernel.
  std::unique_ptr<DeviceAccess> access_;
  int accessed_ = -1;
};

}  // namespace gradus::cuda_emulator
