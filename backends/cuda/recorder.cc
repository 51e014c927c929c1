#include "gradus/backends/cuda/recorder.h"

#include <utility>

namespace gradus::cuda {
namespace {

thread_local CudaRecorder* recorder_of_thread = nullptr;

class CudaRecording final : public Recording {
 public:
  CudaRecording(CudaDevice& device, ExecutableGraph graph, Buffer findings)
      : device_(device), graph_(std::move(graph)), findings_(std::move(findings)) {}

  void replay() override {
    device_.make_current();
    if (findings_ != nullptr) device_.look_at(findings_);
    GRADUS_CUDA(cudaGraphLaunch(graph_.get(), device_.stream()));
  }

 private:
  CudaDevice& device_;
  ExecutableGraph graph_;
  Buffer findings_;  // nullptr where no kernel can find anything wrong
};

}  // namespace

// Captures forbid allocation: what they will need is made before.
CudaRecorder::CudaRecorder(CudaDevice& device) : device_(device), findings_(device.make_findings()) {
  device.make_current();
  streams_.push_back(make_stream());
  // Thread-local: what other threads allocate meanwhile does not break it.
  GRADUS_CUDA(cudaStreamBeginCapture(streams_[0].get(), cudaStreamCaptureModeThreadLocal));
  captures_ = true;
  recorder_of_thread = this;
}

CudaRecorder::~CudaRecorder() {
  if (recorder_of_thread == this) recorder_of_thread = nullptr;
  if (!captures_) return;
  cudaGraph_t graph = nullptr;
  static_cast<void>(cudaStreamEndCapture(streams_[0].get(), &graph));
  static_cast<void>(CapturedGraph(graph));
  static_cast<void>(cudaGetLastError());
}

CudaRecorder* CudaRecorder::of(const CudaDevice& device) {
  return recorder_of_thread != nullptr && &recorder_of_thread->device_ == &device ? recorder_of_thread : nullptr;
}

Finding* CudaRecorder::findings() {
  finds_ = true;
  return static_cast<Finding*>(findings_.get());
}

// A further stream joins by waiting for what the first has been given so far.
void CudaRecorder::open_streams(int count) {
  while (static_cast<int>(streams_.size()) < count) {
    streams_.push_back(make_stream());
    events_.push_back(make_event());
    GRADUS_CUDA(cudaEventRecord(events_.back().get(), streams_[0].get()));
    GRADUS_CUDA(cudaStreamWaitEvent(streams_.back().get(), events_.back().get(), 0));
  }
}

void CudaRecorder::mark_end_of_step() {
  if (current_step_ < 0) return;
  events_.push_back(make_event());
  GRADUS_CUDA(cudaEventRecord(events_.back().get(), stream()));
  ends_[current_step_] = {current_stream_, events_.back().get()};
}

void CudaRecorder::begin_step(int step, int stream, std::span<const int> after) {
  mark_end_of_step();
  open_streams(stream + 1);
  current_step_ = step;
  current_stream_ = stream;
  for (const int before : after) {
    const auto& [other, end] = ends_.at(before);
    if (other != stream) GRADUS_CUDA(cudaStreamWaitEvent(this->stream(), end, 0));
  }
}

std::unique_ptr<Recording> CudaRecorder::finish() {
  current_step_ = -1;
  for (std::size_t i = 1; i < streams_.size(); ++i) {
    events_.push_back(make_event());
    GRADUS_CUDA(cudaEventRecord(events_.back().get(), streams_[i].get()));
    GRADUS_CUDA(cudaStreamWaitEvent(streams_[0].get(), events_.back().get(), 0));
  }
  cudaGraph_t captured = nullptr;
  captures_ = false;
  recorder_of_thread = nullptr;
  GRADUS_CUDA(cudaStreamEndCapture(streams_[0].get(), &captured));
  const CapturedGraph graph(captured);
  cudaGraphExec_t executable = nullptr;
  GRADUS_CUDA(cudaGraphInstantiate(&executable, graph.get(), 0));
  return std::make_unique<CudaRecording>(device_, ExecutableGraph(executable), finds_ ? findings_ : nullptr);
}

}  // namespace gradus::cuda
