#include "tests/cuda_emulator/machine.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <utility>

namespace gradus::cuda_emulator {
namespace {

[[noreturn]] void refuse(cudaError_t code, const std::string& text) { throw RuntimeError(code, text); }

}  // namespace

Machine::Machine(const Options& options) : options_(options), random_(options.seed) {
  for (int d = 0; d < options.devices; ++d) {
    memories_.push_back(std::make_unique<DeviceMemory>(d, options.memory));
    default_streams_.push_back(std::make_unique<Stream>(d));
  }
}

int Machine::device_of(const void* address) const {
  for (std::size_t d = 0; d < memories_.size(); ++d) {
    if (memories_[d]->owns(address)) return static_cast<int>(d);
  }
  return -1;
}

void Machine::check_device_range(const void* address, std::size_t bytes, const char* what) const {
  const int device = device_of(address);
  if (device < 0) refuse(cudaErrorInvalidValue, std::string(what) + " is no memory of a device");
  if (!memories_[static_cast<std::size_t>(device)]->contains(address, bytes)) {
    refuse(cudaErrorInvalidValue,
           std::string(what) + " of " + std::to_string(bytes) + " bytes does not lie within one allocation");
  }
}

void* Machine::allocate_host(std::size_t bytes) {
  void* memory = std::malloc(std::max<std::size_t>(bytes, 1));
  if (memory != nullptr) pinned_[static_cast<const char*>(memory)] = bytes;
  return memory;
}

bool Machine::release_host(void* address) {
  if (pinned_.erase(static_cast<const char*>(address)) == 0) return false;
  std::free(address);
  return true;
}

bool Machine::is_pinned(const void* address, std::size_t bytes) const {
  const auto* a = static_cast<const char*>(address);
  const auto after = pinned_.upper_bound(a);
  return after != pinned_.begin() && a + bytes <= std::prev(after)->first + std::prev(after)->second;
}

Stream& Machine::stream(cudaStream_t handle, int current_device) {
  if (handle == nullptr) return *default_streams_.at(static_cast<std::size_t>(current_device));
  const auto found = std::find_if(streams_.begin(), streams_.end(),
                                  [&](const auto& s) { return static_cast<const void*>(s.get()) == handle; });
  if (found == streams_.end()) refuse(cudaErrorInvalidResourceHandle, "the stream does not exist, or no longer");
  return **found;
}

std::shared_ptr<Event> Machine::event(cudaEvent_t handle) const {
  const auto found = events_.find(handle);
  if (found == events_.end()) refuse(cudaErrorInvalidResourceHandle, "the event does not exist, or no longer");
  return found->second;
}

std::shared_ptr<Graph> Machine::graph(const void* handle) const {
  const auto found = graphs_.find(handle);
  if (found == graphs_.end()) refuse(cudaErrorInvalidValue, "the graph does not exist, or no longer");
  return found->second;
}

cudaStream_t Machine::make_stream(int device) {
  streams_.push_back(std::make_unique<Stream>(device));
  return reinterpret_cast<cudaStream_t>(streams_.back().get());
}

cudaEvent_t Machine::make_event(int device) {
  auto made = std::make_shared<Event>();
  made->device = device;
  events_[made.get()] = made;
  return reinterpret_cast<cudaEvent_t>(made.get());
}

void* Machine::keep_graph(std::shared_ptr<Graph> graph) {
  auto copy = std::make_shared<Graph>(*graph);
  graphs_[copy.get()] = copy;
  return copy.get();
}

void Machine::destroy_stream(cudaStream_t handle) {
  Stream& s = stream(handle, 0);
  if (handle == nullptr) refuse(cudaErrorInvalidResourceHandle, "the default stream cannot be destroyed");
  if (s.capture != nullptr) refuse(cudaErrorStreamCaptureUnsupported, "the stream is capturing");
  finish(s);
  std::erase_if(streams_, [&](const auto& other) { return other.get() == &s; });
}
void Machine::destroy_event(cudaEvent_t handle) { events_.erase(event(handle).get()); }
void Machine::destroy_graph(void* handle) { graphs_.erase(graph(handle).get()); }

void Machine::put(Stream& stream, Work work) {
  if (stream.capture == nullptr) {
    stream.tasks.push_back({std::move(work)});
    return;
  }
  std::vector<GraphNode>& nodes = stream.capture->graph->nodes;
  nodes.push_back({std::move(work), stream.last});
  stream.last = {nodes.size() - 1};
}

void Machine::record(Stream& stream, const std::shared_ptr<Event>& event) {
  if (event->device != stream.device)
    refuse(cudaErrorInvalidResourceHandle, "event and stream belong to different devices");
  event->capture = stream.capture;
  if (stream.capture != nullptr) {
    event->after = stream.last;
    return;
  }
  const std::uint64_t generation = ++event->recorded;
  put(stream, [event, generation] {
    event->done.insert(generation);
    while (event->done.erase(event->all_done + 1) > 0) ++event->all_done;
    event->time = std::chrono::steady_clock::now();
  });
}

void Machine::wait(Stream& stream, const std::shared_ptr<Event>& event) {
  if (event->capture != nullptr) {
    if (event->capture->has_ended) refuse(cudaErrorCapturedEvent, "the event was recorded in a capture that has ended");
    if (stream.capture == nullptr) {  // the stream joins
      stream.capture = event->capture;
      stream.capture->streams.insert(&stream);
      stream.last.clear();
    }
    if (stream.capture != event->capture) refuse(cudaErrorStreamCaptureMerge, "the event belongs to another capture");
    for (const std::size_t node : event->after) {
      if (std::find(stream.last.begin(), stream.last.end(), node) == stream.last.end()) stream.last.push_back(node);
    }
    return;
  }
  if (stream.capture != nullptr) {
    refuse(cudaErrorStreamCaptureIsolation,
           "a capturing stream cannot wait for an event that was recorded outside of the capture");
  }
  if (event->recorded > 0) stream.tasks.push_back({nullptr, event, event->recorded});
}

void Machine::launch(Stream& stream, const std::shared_ptr<Graph>& graph) {
  ++counted.graph_launches;
  put(stream, [this, graph] {
    std::vector<bool> done(graph->nodes.size(), false);
    for (std::size_t count = 0; count < done.size(); ++count) {
      std::vector<std::size_t> ready;
      for (std::size_t i = 0; i < done.size(); ++i) {
        const std::vector<std::size_t>& after = graph->nodes[i].after;
        if (!done[i] && std::all_of(after.begin(), after.end(), [&](std::size_t n) { return done[n]; }))
          ready.push_back(i);
      }
      const std::size_t node = ready[random_() % ready.size()];
      graph->nodes[node].work();
      done[node] = true;
    }
  });
}

void Machine::begin_capture(Stream& stream, cudaStreamCaptureMode mode) {
  if (stream.capture != nullptr) refuse(cudaErrorIllegalState, "the stream is capturing already");
  stream.capture = std::make_shared<Capture>();
  stream.capture->origin = &stream;
  stream.capture->streams = {&stream};
  stream.last.clear();
  stream.capture->mode = mode;
  stream.capture->thread = std::this_thread::get_id();
}

std::shared_ptr<Graph> Machine::end_capture(Stream& stream) {
  const std::shared_ptr<Capture> capture = stream.capture;
  if (capture == nullptr) refuse(cudaErrorIllegalState, "the stream is not capturing");
  if (capture->origin != &stream) refuse(cudaErrorStreamCaptureUnmatched, "the capture began in another stream");
  // Whatever was put into streams that joined must come before what was put last into the origin.
  std::vector<bool> before(capture->graph->nodes.size(), false);
  std::vector<std::size_t> open = stream.last;
  while (!open.empty()) {
    const std::size_t node = open.back();
    open.pop_back();
    if (before[node]) continue;
    before[node] = true;
    const std::vector<std::size_t>& after = capture->graph->nodes[node].after;
    open.insert(open.end(), after.begin(), after.end());
  }
  bool joined = true;
  for (Stream* s : capture->streams) {
    joined = joined && std::all_of(s->last.begin(), s->last.end(), [&](std::size_t n) { return before[n]; });
    s->capture = nullptr;
    s->last.clear();
  }
  capture->has_ended = true;
  if (!capture->broken.empty())
    refuse(cudaErrorStreamCaptureInvalidated, "the capture was broken by " + capture->broken);
  if (!joined)
    refuse(cudaErrorStreamCaptureUnjoined,
           "a stream of the capture has work that the stream where it began does not wait for");
  return capture->graph;
}

void Machine::break_captures(const char* call) {
  for (const auto& s : streams_) {
    if (s->capture != nullptr && s->capture->forbids()) s->capture->broken = call;
  }
}

bool Machine::forbidden_by_capture() const {
  return std::any_of(streams_.begin(), streams_.end(),
                     [](const auto& s) { return s->capture != nullptr && s->capture->forbids(); });
}

void Machine::perform(Task task) {
  try {
    if (task.work) task.work();
  } catch (const std::exception& error) {
    if (failure.empty()) failure = error.what();
    sticky = cudaErrorLaunchFailure;
  }
}

bool Machine::do_one_task() {
  std::vector<Stream*> ready;
  const auto consider = [&](Stream& s) {
    if (s.tasks.empty()) return;
    const Task& task = s.tasks.front();
    if (task.work || task.event->is_done(task.generation)) ready.push_back(&s);
  };
  for (const auto& s : default_streams_) consider(*s);
  for (const auto& s : streams_) consider(*s);
  if (ready.empty()) return false;
  Stream& chosen = *ready[random_() % ready.size()];
  Task task = std::move(chosen.tasks.front());
  chosen.tasks.pop_front();
  perform(std::move(task));
  return true;
}

void Machine::work_until(const std::function<bool()>& condition) {
  while (sticky == cudaSuccess && !condition() && do_one_task()) {
  }
  access_.reset();
  accessed_ = -1;
}

void Machine::finish(const Stream& stream) {
  work_until([&] { return stream.tasks.empty(); });
  if (sticky == cudaSuccess && !stream.tasks.empty()) refuse(cudaErrorUnknown, "the stream waits for what never comes");
}

void Machine::use(int device) {
  if (accessed_ == device) return;
  access_.reset();
  access_ = std::make_unique<DeviceAccess>(memory(device));
  accessed_ = device;
}

void Machine::run(const KernelLaunch& launch, int device) {
  use(device);
  run_kernel(launch, options_.order, random_);
}

Counts Machine::counts() const {
  Counts c = counted;
  for (const auto& memory : memories_) {
    c.live_bytes += memory->used();
    c.live_allocations += memory->allocations();
  }
  c.live_streams = streams_.size();
  c.live_events = events_.size();
  c.live_graphs = graphs_.size();
  return c;
}

}  // namespace gradus::cuda_emulator
