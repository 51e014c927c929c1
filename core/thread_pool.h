// A fork-join thread pool for kernels. Work is split into chunks whose borders depend on the work alone, never on the number
// of threads, and the chunks are claimed dynamically, so that results are bit-identical for every thread count and a busy
// neighbour costs at most one chunk. Idle workers spin for some tens of microseconds, then sleep.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "gradus/core/function_ref.h"

namespace gradus {

class ThreadPool {
 public:
  // `num_threads` counts the calling thread: 1 runs everything inline. 0 means one per processor of this machine.
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(begin, end) for [0, total) in chunks of `chunk` elements (the last may be shorter), in any order and from any
  // thread, and returns when all are done. The first exception of a chunk is rethrown here. Calls from inside a chunk run
  // serially, as do calls while another thread uses the pool.
  void parallel_for(std::int64_t total, std::int64_t chunk, FunctionRef<void(std::int64_t, std::int64_t)> body);
  // The same with the index of the worker, 0 .. num_threads()-1, for scratch memory per thread: body(begin, end, worker). Chunks
  // that run at the same time have different indices; a nested call has that of the chunk around it.
  void parallel_for_worker(std::int64_t total, std::int64_t chunk,
                           FunctionRef<void(std::int64_t, std::int64_t, int)> body);

 private:
  using Body = FunctionRef<void(std::int64_t, std::int64_t, int)>;
  void worker_loop(int index);
  bool run_one_chunk(int worker);
  void wait_until_done(std::uint64_t chunks);

  // Epoch (24 bits), number of chunks (20), next chunk (20): a chunk is claimed by one compare-and-swap, which fails when the
  // job has changed meanwhile. A claimed chunk keeps its job alive, so the fields below may be read after a claim.
  std::atomic<std::uint64_t> ticket_{0};
  std::atomic<std::uint64_t> done_{0};
  std::int64_t total_ = 0;
  std::int64_t chunk_ = 1;
  const Body* body_ = nullptr;

  std::mutex caller_mutex_;  // one parallel region at a time
  std::mutex sleep_mutex_;
  std::condition_variable wake_;
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stop_{false};
  std::mutex error_mutex_;
  std::exception_ptr error_;
  std::vector<std::thread> workers_;
};

}  // namespace gradus
