// Steps as one CUDA graph: they are captured from streams of the recorder's own, so that other threads may go on using the device.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "gradus/backends/cuda/device.h"

namespace gradus::cuda {

class CudaRecorder final : public Recorder {
 public:
  explicit CudaRecorder(CudaDevice& device);
  ~CudaRecorder() override;
  void begin_step(int step, int stream, std::span<const int> after) override;
  std::unique_ptr<Recording> finish() override;

  // The one that this thread records the device's work with; nullptr where it does not.
  static CudaRecorder* of(const CudaDevice& device);
  cudaStream_t stream() const { return streams_.at(static_cast<std::size_t>(current_stream_)).get(); }
  // The recording's own: it may be repeated by another thread than the one that records.
  Finding* findings();

 private:
  void mark_end_of_step();
  void open_streams(int count);

  CudaDevice& device_;
  Buffer findings_;
  bool finds_ = false;
  std::vector<Stream> streams_;  // the first is the one that captures; the others wait for an event of it, and so join
  std::vector<Event> events_;    // of the ends of steps, while others may wait for them
  std::map<int, std::pair<int, cudaEvent_t>> ends_;  // by step: its stream and the event at its end
  int current_stream_ = 0, current_step_ = -1;
  bool captures_ = false;
};

}  // namespace gradus::cuda
