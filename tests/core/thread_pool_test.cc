// ThreadPool: every element once, borders independent of the number of threads, exceptions, nesting, many callers.
#include "gradus/core/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#if defined(__linux__)
#include <sched.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "gradus/core/error.h"

namespace gradus {
namespace {

// g++ tells by macros, clang++ by features.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

using Chunks = std::set<std::pair<std::int64_t, std::int64_t>>;

Chunks chunks_of(ThreadPool& pool, std::int64_t total, std::int64_t chunk) {
  std::mutex mutex;
  Chunks chunks;
  pool.parallel_for(total, chunk, [&](std::int64_t begin, std::int64_t end) {
    const std::lock_guard lock(mutex);
    EXPECT_TRUE(chunks.insert({begin, end}).second) << begin;
  });
  return chunks;
}

TEST(ThreadPool, EveryElementIsVisitedOnce) {
  ThreadPool pool(3);
  for (std::int64_t total : {0, 1, 2, 7, 64, 1000, 12345}) {
    for (std::int64_t chunk : {1, 3, 64, 100000}) {
      std::vector<std::atomic<int>> visits(static_cast<std::size_t>(total));
      pool.parallel_for(total, chunk, [&](std::int64_t begin, std::int64_t end) {
        ASSERT_LT(begin, end);
        for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
      });
      for (const auto& v : visits) ASSERT_EQ(v.load(), 1);
    }
  }
}

TEST(ThreadPool, ChunksDependOnTheWorkAloneNotOnThreads) {
  ThreadPool one(1), two(2), five(5);
  for (const auto& [total, chunk] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{10, 3}, {1000, 7}, {5, 100}, {20000, 1}}) {
    const Chunks expected = chunks_of(one, total, chunk);
    EXPECT_EQ(chunks_of(two, total, chunk), expected);
    EXPECT_EQ(chunks_of(five, total, chunk), expected);
  }
  EXPECT_EQ(chunks_of(two, 10, 3), (Chunks{{0, 3}, {3, 6}, {6, 9}, {9, 10}}));
}

TEST(ThreadPool, MoreChunksThanItsCounterHoldsAreJoined) {
  ThreadPool one(1), two(2);
  for (ThreadPool* pool : {&one, &two}) {
    std::atomic<std::int64_t> elements = 0, calls = 0, largest = 0;
    pool->parallel_for(3'000'000, 1, [&](std::int64_t begin, std::int64_t end) {
      elements += end - begin;
      ++calls;
      if (begin == 0) largest = end;
    });
    EXPECT_EQ(elements.load(), 3'000'000);
    EXPECT_EQ(calls.load(), 1'000'000);  // 20 bits count 1048575 chunks at most: 3 elements each
    EXPECT_EQ(largest.load(), 3);
  }
}

TEST(ThreadPool, AChunkSizeBelowOneCountsAsOne) {
  ThreadPool pool(2);
  EXPECT_EQ(chunks_of(pool, 3, 0), (Chunks{{0, 1}, {1, 2}, {2, 3}}));
  EXPECT_EQ(chunks_of(pool, 3, -5).size(), 3u);
  EXPECT_TRUE(chunks_of(pool, -1, 4).empty());
}

TEST(ThreadPool, CountsItsThreads) {
  EXPECT_EQ(ThreadPool(1).num_threads(), 1);
  EXPECT_EQ(ThreadPool(4).num_threads(), 4);
  EXPECT_EQ(ThreadPool(0).num_threads(), std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
}

TEST(ThreadPool, WorkersAtTheSameTimeHaveDifferentIndices) {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> busy(4);
  std::atomic<int> collisions = 0;
  pool.parallel_for_worker(400, 1, [&](std::int64_t, std::int64_t, int worker) {
    ASSERT_GE(worker, 0);
    ASSERT_LT(worker, 4);
    if (++busy[static_cast<std::size_t>(worker)] != 1) ++collisions;
    std::this_thread::yield();
    --busy[static_cast<std::size_t>(worker)];
  });
  EXPECT_EQ(collisions.load(), 0);
}

TEST(ThreadPool, TheExceptionOfAChunkReachesTheCallerAndThePoolStaysUsable) {
  for (int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 50; ++round) {
      try {
        pool.parallel_for(100, 1, [&](std::int64_t begin, std::int64_t) {
          if (begin == round) throw std::runtime_error("chunk " + std::to_string(begin));
        });
        FAIL();
      } catch (const std::runtime_error& error) {
        EXPECT_EQ(error.what(), "chunk " + std::to_string(round));
      }
      std::atomic<std::int64_t> sum = 0;
      pool.parallel_for(100, 7, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) sum += i;
      });
      ASSERT_EQ(sum.load(), 4950);
    }
  }
}

TEST(ThreadPool, OneOfSeveralExceptionsArrives) {
  ThreadPool pool(3);
  EXPECT_THROW(pool.parallel_for(64, 1, [](std::int64_t, std::int64_t) { throw std::runtime_error("each"); }),
               std::runtime_error);
}

TEST(ThreadPool, NestedCallsRunInsideTheirChunkWithItsWorkerIndex) {
  ThreadPool pool(3);
  std::atomic<std::int64_t> sum = 0;
  pool.parallel_for_worker(20, 1, [&](std::int64_t, std::int64_t, int outer) {
    const std::thread::id thread = std::this_thread::get_id();
    pool.parallel_for_worker(10, 2, [&](std::int64_t begin, std::int64_t end, int inner) {
      EXPECT_EQ(std::this_thread::get_id(), thread);
      EXPECT_EQ(inner, outer);
      sum += end - begin;
    });
  });
  EXPECT_EQ(sum.load(), 200);
}

TEST(ThreadPool, ANestedExceptionPassesThroughBothLevels) {
  ThreadPool pool(2);
  EXPECT_THROW(pool.parallel_for(8, 1,
                                 [&](std::int64_t, std::int64_t) {
                                   pool.parallel_for(8, 1, [](std::int64_t begin, std::int64_t) {
                                     if (begin == 5) throw std::runtime_error("inner");
                                   });
                                 }),
               std::runtime_error);
}

TEST(ThreadPool, SeveralThreadsMayCallAtTheSameTime) {
  ThreadPool pool(2);
  std::vector<std::int64_t> sums(4, 0);
  std::vector<std::thread> callers;
  for (std::size_t caller = 0; caller < sums.size(); ++caller) {
    callers.emplace_back([&, caller] {
      for (int round = 0; round < 200; ++round) {
        std::atomic<std::int64_t> sum = 0;
        pool.parallel_for(1000, 10, [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t i = begin; i < end; ++i) sum += i;
        });
        sums[caller] += sum.load() == 499500 ? 1 : 0;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (std::int64_t correct : sums) EXPECT_EQ(correct, 200);
}

TEST(ThreadPool, WorkersThatFellAsleepWakeUp) {
  ThreadPool pool(3);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // far longer than workers spin
    std::atomic<int> count = 0;
    pool.parallel_for(30, 1, [&](std::int64_t, std::int64_t) { ++count; });
    ASSERT_EQ(count.load(), 30);
  }
}

#if defined(__linux__)
// Processor time, of all threads.
double seconds_of_small_regions(ThreadPool& pool) {
  const std::clock_t begin = std::clock();
  for (int region = 0; region < 2000; ++region) {
    pool.parallel_for(8, 1, [](std::int64_t, std::int64_t) {  // some microseconds each
      for (volatile int i = 0; i < 2000;) i = i + 1;
    });
  }
  return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

// As where other programs keep all processors but one busy: workers that spin there keep the caller from its work, and to be woken for
// every region costs as much again.
TEST(ThreadPool, ThreadsThatShareAProcessorTakeNoMoreOfItsTimeThanOne) {
  if (kSanitized) GTEST_SKIP() << "sanitizers take time of their own";
  double least = 100.0;
  std::thread([&] {  // whose workers stay on its processor
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(static_cast<std::size_t>(sched_getcpu()), &here);
    ASSERT_EQ(sched_setaffinity(0, sizeof(here), &here), 0);
    ThreadPool one(1), two(2);
    for (int i = 0; i < 5; ++i) {
      const double alone = seconds_of_small_regions(one);
      least = std::min(least, seconds_of_small_regions(two) / alone);
    }
  })
      .join();
  EXPECT_LE(least, 1.25);
}
#endif

TEST(ThreadPool, SaysSoWhenTheMachineCannotStartThatManyThreads) {
  if (kSanitized) GTEST_SKIP() << "sanitizers need more address space than this test leaves";
  const auto start_in_one_gigabyte = [] {
    const rlimit limit{1u << 30, 1u << 30};  // of addresses: 8 MB for each stack
    setrlimit(RLIMIT_AS, &limit);
    try {
      ThreadPool pool(4000);
    } catch (const Error& error) {
      std::fprintf(stderr, "%s\n", error.full_text().c_str());
      std::exit(0);
    }
    std::exit(1);
  };
  EXPECT_EXIT(start_in_one_gigabyte(), ::testing::ExitedWithCode(0), "ResourceExhausted: cannot start 4000 threads");
}

}  // namespace
}  // namespace gradus
