// A fork-join thread pool for kernels. Work is split into chunks whose borders depend on the work alone, never on the number of threads,
// and the chunks are claimed dynamically, so that results are bit-identical for every thread count and a busy neighbour costs at most one
// chunk. Workers round, and treat subnormal numbers, as the calling thread does. Idle workers spin for some tens of microseconds, then sleep.
// Where another program keeps the workers' processors busy, so that they cost more time than they save, the caller works alone for some
// milliseconds before it asks them again.
#pragma once

#include <cstdint>
#include <memory>

#include "gradus/core/function_ref.h"

namespace gradus {

class ThreadPool {
 public:
  // `num_threads` counts the calling thread: 1 runs everything inline. 0 means one per processor of this machine. Throws
  // ResourceExhausted when the machine does not have that many.
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const;

  // Calls body(begin, end) for [0, total) in chunks of `chunk` elements (the last may be shorter), in any order and
  // from any thread, and returns when all are done. The first exception of a chunk is rethrown here. Calls from
  // inside a chunk run serially, as do calls while another thread uses the pool.
  void parallel_for(std::int64_t total, std::int64_t chunk, FunctionRef<void(std::int64_t, std::int64_t)> body);
  // The same with the index of the worker, 0 .. num_threads()-1, for scratch memory per thread: body(begin, end,
  // worker). Chunks of one call that run at the same time have different indices; a nested call has that of the chunk around it.
  void parallel_for_worker(std::int64_t total, std::int64_t chunk,
                           FunctionRef<void(std::int64_t, std::int64_t, int)> body);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gradus
