#include "gradus/core/thread_pool.h"

#if defined(__linux__)
#include <sched.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "gradus/core/error.h"
#include "gradus/core/float_mode.h"

namespace gradus {
namespace {

constexpr int kCountBits = 20;
constexpr std::uint64_t kCountMask = (std::uint64_t{1} << kCountBits) - 1;
constexpr std::int64_t kMaxChunks = static_cast<std::int64_t>(kCountMask);
constexpr int kSpins = 2000;  // about 50 us

using Clock = std::chrono::steady_clock;
// Where another program keeps a processor busy, more threads may lose time: a worker that loses its processor amid a chunk keeps the caller
// waiting until the system gives it another, some milliseconds; and one that is woken on the caller's own only takes turns with it. So
// there is an account of what the workers save and what they cost. Where they have cost more, the caller works alone for a multiple of
// the difference, so that the loss stays a small part: a larger multiple each time that it happens again soon.
constexpr auto kTurn = std::chrono::microseconds(100);  // the cost of taking turns, spinning and switching
constexpr auto kMostSaved = std::chrono::milliseconds(3);
constexpr int kLeastAlone = 8;
constexpr int kMostAlone = 64;

// The processor that runs this thread; below zero where that is not known.
int this_processor() {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

std::uint64_t next_of(std::uint64_t ticket) { return ticket & kCountMask; }
std::uint64_t count_of(std::uint64_t ticket) { return (ticket >> kCountBits) & kCountMask; }
bool has_work(std::uint64_t ticket) { return next_of(ticket) < count_of(ticket); }

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");  // some tens of cycles; `yield` is none on most processors
#else
  std::this_thread::yield();
#endif
}

// Set while this thread runs a chunk, and which worker of its pool it is: a nested call keeps that index, so that two nested
// calls in different chunks never share a worker's scratch memory.
thread_local bool inside_region = false;
thread_local const void* current_pool = nullptr;
thread_local int current_worker = 0;

}  // namespace

struct ThreadPool::Impl {
  using Body = FunctionRef<void(std::int64_t, std::int64_t, int)>;

  explicit Impl(int num_threads);
  ~Impl() { join(); }
  void join();
  void run(std::int64_t total, std::int64_t chunk, Body body);
  void worker_loop(int index);
  bool run_one_chunk(int worker);
  Clock::duration wait_until_done(std::uint64_t chunks);
  void settle();

  // Epoch (24 bits), number of chunks (20), next chunk (20): a chunk is claimed by one compare-and-swap, which fails when the
  // job has changed meanwhile. A claimed chunk keeps its job alive, so the fields below may be read after a claim.
  std::atomic<std::uint64_t> ticket_{0};
  std::atomic<std::uint64_t> done_{0};
  std::int64_t total_ = 0;
  std::int64_t chunk_ = 1;
  const Body* body_ = nullptr;
  FloatMode float_mode_ =
      FloatMode::of_this_thread();  // the caller's: a chunk has the same bits wherever it is computed

  std::atomic<int> caller_processor_{-1};
  std::atomic<bool> takes_turns_{false};  // a worker runs on the caller's processor

  std::mutex caller_mutex_;  // one parallel region at a time; guards the next three
  Clock::duration saved_{};  // by the workers, less what they have cost
  Clock::time_point alone_until_;
  int alone_ = kLeastAlone;  // times what was lost last
  std::mutex sleep_mutex_;
  std::condition_variable wake_;
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stop_{false};
  std::mutex error_mutex_;
  std::exception_ptr error_;
  std::vector<std::thread> workers_;
};

ThreadPool::ThreadPool(int num_threads) : impl_(std::make_unique<Impl>(num_threads)) {}
ThreadPool::~ThreadPool() = default;

int ThreadPool::num_threads() const { return static_cast<int>(impl_->workers_.size()) + 1; }

void ThreadPool::parallel_for(std::int64_t total, std::int64_t chunk,
                              FunctionRef<void(std::int64_t, std::int64_t)> body) {
  impl_->run(total, chunk, [&](std::int64_t begin, std::int64_t end, int) { body(begin, end); });
}

void ThreadPool::parallel_for_worker(std::int64_t total, std::int64_t chunk,
                                     FunctionRef<void(std::int64_t, std::int64_t, int)> body) {
  impl_->run(total, chunk, body);
}

ThreadPool::Impl::Impl(int num_threads) {
  if (num_threads <= 0) num_threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  try {
    for (int i = 1; i < num_threads; ++i) workers_.emplace_back([this, i] { worker_loop(i); });
  } catch (const std::system_error& error) {
    join();
    throw Error(Code::kResourceExhausted, "cannot start " + std::to_string(num_threads) + " threads: " + error.what());
  }
}

void ThreadPool::Impl::join() {
  {
    const std::lock_guard lock(sleep_mutex_);
    stop_.store(true);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::Impl::run(std::int64_t total, std::int64_t chunk, Body body) {
  if (total <= 0) return;
  chunk = std::max<std::int64_t>({chunk, 1, (total + kMaxChunks - 1) / kMaxChunks});
  const std::int64_t chunks = (total + chunk - 1) / chunk;
  std::unique_lock lock(caller_mutex_, std::defer_lock);
  const bool together = chunks > 1 && !workers_.empty() && !inside_region && lock.try_lock();
  const Clock::time_point start = together ? Clock::now() : Clock::time_point();
  if (!together || start < alone_until_) {
    if (together) lock.unlock();
    const int worker = inside_region && current_pool == this ? current_worker : 0;
    for (std::int64_t begin = 0; begin < total; begin += chunk) body(begin, std::min(begin + chunk, total), worker);
    return;
  }
  total_ = total;
  chunk_ = chunk;
  body_ = &body;
  float_mode_ = FloatMode::of_this_thread();
  caller_processor_.store(this_processor(), std::memory_order_relaxed);
  done_.store(0, std::memory_order_relaxed);
  const std::uint64_t epoch = (ticket_.load(std::memory_order_relaxed) >> (2 * kCountBits)) + 1;
  ticket_.store(epoch << (2 * kCountBits) | static_cast<std::uint64_t>(chunks) << kCountBits);
  if (sleepers_.load() > 0) {
    { const std::lock_guard sleep_lock(sleep_mutex_); }  // a worker is either asleep or will see the new ticket
    wake_.notify_all();
  }
  inside_region = true;
  current_pool = this;
  current_worker = 0;
  std::int64_t own_chunks = 0;
  while (run_one_chunk(0)) ++own_chunks;
  inside_region = false;
  const Clock::duration own_time = Clock::now() - start;
  saved_ -= wait_until_done(static_cast<std::uint64_t>(chunks));
  if (takes_turns_.load(std::memory_order_relaxed)) {
    takes_turns_.store(false, std::memory_order_relaxed);
    saved_ -= kTurn;
  } else if (own_chunks > 0) {
    saved_ += own_time / own_chunks * (chunks - own_chunks);
  }
  settle();
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

bool ThreadPool::Impl::run_one_chunk(int worker) {
  std::uint64_t ticket = ticket_.load();
  do {
    if (!has_work(ticket)) return false;
  } while (!ticket_.compare_exchange_weak(ticket, ticket + 1));
  const std::int64_t begin = static_cast<std::int64_t>(next_of(ticket)) * chunk_;
  float_mode_.set_for_this_thread();
  try {
    (*body_)(begin, std::min(begin + chunk_, total_), worker);
  } catch (...) {
    const std::lock_guard lock(error_mutex_);
    if (!error_) error_ = std::current_exception();
  }
  if (done_.fetch_add(1) + 1 == count_of(ticket)) done_.notify_one();
  return true;
}

// The time waited after spinning. It sleeps then: a worker that has lost its processor gets this one only when this thread leaves it,
// which it would not by yielding.
Clock::duration ThreadPool::Impl::wait_until_done(std::uint64_t chunks) {
  for (int spins = 0; spins < kSpins; ++spins) {
    if (done_.load() == chunks) return {};
    pause();
  }
  const Clock::time_point begin = Clock::now();
  for (std::uint64_t done = done_.load(); done != chunks; done = done_.load()) done_.wait(done);
  return Clock::now() - begin;
}

void ThreadPool::Impl::settle() {
  saved_ = std::min<Clock::duration>(saved_, kMostSaved);
  if (saved_ >= Clock::duration::zero()) return;
  const Clock::duration lost = -std::exchange(saved_, Clock::duration::zero());
  const Clock::time_point now = Clock::now();
  const bool soon = now - alone_until_ < alone_ * lost;
  alone_ = soon ? std::min(2 * alone_, kMostAlone) : kLeastAlone;
  alone_until_ = now + alone_ * lost;
}

void ThreadPool::Impl::worker_loop(int index) {
  inside_region = true;  // a nested parallel_for runs inline
  current_pool = this;
  current_worker = index;
  while (!stop_.load()) {
    if (run_one_chunk(index)) continue;
    int spins = 0;
    while (spins < kSpins && !has_work(ticket_.load(std::memory_order_relaxed)) &&
           !stop_.load(std::memory_order_relaxed)) {
      if (const int here = this_processor(); here >= 0 && here == caller_processor_.load(std::memory_order_relaxed)) {
        takes_turns_.store(true);
        spins = kSpins;
        break;
      }
      pause();
      ++spins;
    }
    if (spins < kSpins) continue;
    std::unique_lock lock(sleep_mutex_);
    ++sleepers_;
    wake_.wait(lock, [this] { return stop_.load() || has_work(ticket_.load()); });
    --sleepers_;
  }
}

}  // namespace gradus
