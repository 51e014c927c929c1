// Reads batches ahead in a background thread. Not for users; see BatchRange::prefetched.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "gradus/io/data/batches.h"

namespace gradus::io {

class PrefetchingReader : public BatchReader {
 public:
  PrefetchingReader(std::unique_ptr<BatchReader> source, int depth);
  ~PrefetchingReader() override;  // waits for the batch that is being made, drops the rest
  // Rethrows what the source threw, once, after the batches before it; then false.
  bool next(Batch* batch) override;

 private:
  void run();

  const std::unique_ptr<BatchReader> source_;  // used by the thread alone
  const std::size_t depth_;
  std::mutex mutex_;  // guards all that follows
  std::condition_variable filled_;
  std::condition_variable emptied_;
  std::deque<Batch> ready_;
  std::exception_ptr error_;
  bool finished_ = false;  // the thread makes no more batches
  bool stop_ = false;      // nobody wants any more
  std::thread thread_;
};

}  // namespace gradus::io
