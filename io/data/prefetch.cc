#include "gradus/io/data/prefetch.h"

#include <utility>

namespace gradus::io {

PrefetchingReader::PrefetchingReader(std::unique_ptr<BatchReader> source, int depth)
    : source_(std::move(source)), depth_(static_cast<std::size_t>(depth)), thread_([this] { run(); }) {}

PrefetchingReader::~PrefetchingReader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  emptied_.notify_all();
  thread_.join();
}

void PrefetchingReader::run() {
  std::exception_ptr error;
  try {
    Batch batch;
    while (source_->next(&batch)) {
      std::unique_lock lock(mutex_);
      emptied_.wait(lock, [this] { return stop_ || ready_.size() < depth_; });
      if (stop_) return;
      ready_.push_back(std::exchange(batch, {}));
      filled_.notify_one();
    }
  } catch (...) {
    error = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  error_ = error;
  finished_ = true;
  filled_.notify_one();
}

bool PrefetchingReader::next(Batch* batch) {
  std::unique_lock lock(mutex_);
  filled_.wait(lock, [this] { return finished_ || !ready_.empty(); });
  if (!ready_.empty()) {
    *batch = std::move(ready_.front());
    ready_.pop_front();
    emptied_.notify_one();
    return true;
  }
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  return false;
}

}  // namespace gradus::io
