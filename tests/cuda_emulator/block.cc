#include "tests/cuda_emulator/block.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "tests/cuda_emulator/fiber.h"
#include "tests/cuda_emulator/guarded_memory.h"
#include "tests/cuda_emulator/sanitizers.h"

namespace gradus::cuda_emulator {
namespace {

struct Place {
  const char* file = "";
  int line = 0;
  friend bool operator==(const Place& a, const Place& b) {
    return a.line == b.line && std::strcmp(a.file, b.file) == 0;
  }
};

std::string text_of(const Place& place) {
  const char* const slash = std::strrchr(place.file, '/');
  return std::string(slash == nullptr ? place.file : slash + 1) + ":" + std::to_string(place.line);
}

std::string text_of(const uint3& p) {
  return "(" + std::to_string(p.x) + "," + std::to_string(p.y) + "," + std::to_string(p.z) + ")";
}

// Threads that wait for each other: all of a block at a barrier, or those of a warp that a mask names. One object for each time, so
// that ThreadSanitizer, which knows synchronisation by its address, does not take a later meeting for this one.
struct Meeting {
  Place place;
  const char* what = "";
  unsigned mask = 0;  // of lanes; a barrier has none
  unsigned expected = 0;
  unsigned arrived = 0;
  std::array<std::uint64_t, kWarpSize> values = {};  // what each lane brought
  Meeting* next = nullptr;                           // of those that are open in the warp
  bool is_complete() const { return arrived == expected; }
};

struct Thread {
  uint3 index{};
  unsigned number = 0;         // in the block
  Meeting* meeting = nullptr;  // the last one
  bool can_go_on() const { return meeting == nullptr || meeting->is_complete(); }
  unsigned warp() const { return number / kWarpSize; }
  unsigned lane() const { return number % kWarpSize; }
};

struct SharedVariable {
  Place place;
  std::size_t type = 0;
  GuardedMemory memory;
};
constexpr std::size_t kMaxSharedVariables = 16;

bool names(unsigned mask, unsigned lane) { return ((mask >> lane) & 1U) != 0; }

// What a launch's blocks use one after the other.
struct Workshop {
  std::vector<std::unique_ptr<Fiber>> fibers;
  Arena meetings;
};

class Block {
 public:
  Block(const KernelLaunch& launch, const uint3& index, Workshop& workshop, std::size_t first_fiber);
  void run(ThreadOrder order, std::mt19937_64& random);

  // ---- Of the running thread.
  const KernelLaunch& launch() const { return launch_; }
  const uint3& index() const { return index_; }
  const Thread& current() const { return *current_; }
  void barrier(const Place& place);
  const std::uint64_t* exchange(unsigned mask, std::uint64_t value, const char* what, const Place& place);
  void* shared(std::size_t bytes, std::size_t type, const Place& place);
  void* dynamic() const { return dynamic_.get(); }
  [[noreturn]] void fail(const Thread& thread, const std::string& what, const Place& place) const;

 private:
  // Threads of two blocks that came to the same fiber would look like one to ThreadSanitizer: each block begins at another.
  Fiber& fiber(std::size_t i) { return *workshop_.fibers[(first_fiber_ + i) % workshop_.fibers.size()]; }
  static void enter(void* block);
  void meet(Meeting* meeting);
  [[noreturn]] void fail_stuck() const;
  void check_guards() const;

  const KernelLaunch& launch_;
  uint3 index_;
  Workshop& workshop_;
  std::size_t first_fiber_;
  std::vector<Thread> threads_;
  Thread* current_ = nullptr;
  Meeting* barrier_ = nullptr;   // the one that threads come to now
  std::vector<Meeting*> warps_;  // the first open one of each warp; others of other masks and lines follow
  std::array<SharedVariable, kMaxSharedVariables> shared_;
  std::size_t shared_bytes_;
  GuardedMemory dynamic_;
  std::unique_ptr<KernelError> error_;  // of the running thread
};

thread_local Block* running_block = nullptr;
thread_local std::unique_ptr<Workshop> thread_workshop;

Block::Block(const KernelLaunch& launch, const uint3& index, Workshop& workshop, std::size_t first_fiber)
    : launch_(launch),
      index_(index),
      workshop_(workshop),
      first_fiber_(first_fiber),
      threads_(std::size_t{launch.block.x} * launch.block.y * launch.block.z),
      warps_((threads_.size() + kWarpSize - 1) / kWarpSize, nullptr),
      shared_bytes_(launch.dynamic_bytes) {
  if (launch.dynamic_bytes > 0) dynamic_.allocate(launch.dynamic_bytes);
}

void Block::fail(const Thread& thread, const std::string& what, const Place& place) const {
  throw KernelError("kernel " + launch_.kernel + " at " + text_of(place) + ", block " + text_of(index_) + ", thread " +
                    text_of(thread.index) + ": " + what);
}

// The first function of every thread.
void Block::enter(void* argument) {
  Block& block = *static_cast<Block*>(argument);
  acquire(&block.workshop_);
  try {
    block.launch_.body();
  } catch (const KernelError& error) {
    block.error_ = std::make_unique<KernelError>(error);
  } catch (const std::exception& error) {
    block.error_ = std::make_unique<KernelError>("kernel " + block.launch_.kernel + " threw: " + error.what());
  }
  release(&block);
}

void Block::meet(Meeting* meeting) {
  ++meeting->arrived;
  current_->meeting = meeting;
  release(meeting);
  Fiber::pause();
  acquire(meeting);
}

void Block::barrier(const Place& place) {
  if (barrier_ == nullptr || barrier_->is_complete()) {
    barrier_ = workshop_.meetings.make(
        Meeting{.place = place, .what = "__syncthreads()", .expected = static_cast<unsigned>(threads_.size())});
  }
  if (!(barrier_->place == place)) {
    fail(*current_,
         "__syncthreads() that not all threads of the block reach: others wait at " + text_of(barrier_->place), place);
  }
  meet(barrier_);
}

const std::uint64_t* Block::exchange(unsigned mask, std::uint64_t value, const char* what, const Place& place) {
  if (!names(mask, current_->lane())) {
    fail(*current_, std::string(what) + " with a mask that does not name the calling thread", place);
  }
  Meeting** open = &warps_[current_->warp()];
  while (*open != nullptr && ((*open)->is_complete() || (*open)->mask != mask || !((*open)->place == place))) {
    if ((*open)->is_complete()) {
      *open = (*open)->next;
    } else {
      open = &(*open)->next;
    }
  }
  if (*open == nullptr) {
    *open = workshop_.meetings.make(
        Meeting{.place = place, .what = what, .mask = mask, .expected = static_cast<unsigned>(std::popcount(mask))});
  }
  Meeting* const meeting = *open;
  meeting->values[current_->lane()] = value;
  meet(meeting);
  return meeting->values.data();
}

void* Block::shared(std::size_t bytes, std::size_t type, const Place& place) {
  for (SharedVariable& variable : shared_) {
    if (variable.memory.get() != nullptr && !(variable.place == place && variable.type == type)) continue;
    if (variable.memory.get() != nullptr) return variable.memory.get();
    shared_bytes_ += bytes;
    if (shared_bytes_ > launch_.allowed_bytes) {
      fail(*current_,
           "the block takes " + std::to_string(shared_bytes_) + " bytes of shared memory; it may have " +
               std::to_string(launch_.allowed_bytes),
           place);
    }
    variable.place = place;
    variable.type = type;
    variable.memory.allocate(bytes);
    return variable.memory.get();
  }
  fail(*current_, "more than " + std::to_string(kMaxSharedVariables) + " shared variables", place);
}

// Nobody can go on. Names a thread that waits and one that does not come.
void Block::fail_stuck() const {
  const auto waiting = std::find_if(threads_.begin(), threads_.end(), [](const Thread& t) { return !t.can_go_on(); });
  const Meeting& meeting = *waiting->meeting;
  const bool barrier = meeting.mask == 0;
  const auto missing = std::find_if(threads_.begin(), threads_.end(), [&](const Thread& t) {
    const bool invited = barrier || (t.warp() == waiting->warp() && names(meeting.mask, t.lane()));
    return invited && t.meeting != &meeting;
  });
  const std::string what = meeting.what;
  if (missing == threads_.end()) fail(*waiting, what + " with a mask that names lanes beyond the block", meeting.place);
  const std::string it = "thread " + text_of(missing->index) +
                         (missing->can_go_on() ? " has returned" : " waits at " + text_of(missing->meeting->place));
  fail(*waiting,
       what +
           (barrier ? " that not all threads of the block reach: " : " for a thread of the mask that does not come: ") +
           it,
       meeting.place);
}

void Block::check_guards() const {
  for (const SharedVariable& variable : shared_) {
    if (!variable.memory.is_intact())
      fail(threads_[0], "some thread wrote behind the shared variable of this line", variable.place);
  }
  if (!dynamic_.is_intact()) {
    throw KernelError("kernel " + launch_.kernel + ", block " + text_of(index_) + ": some thread wrote behind the " +
                      std::to_string(dynamic_.bytes()) + " bytes of dynamic shared memory");
  }
}

void Block::run(ThreadOrder order, std::mt19937_64& random) {
  const dim3 b = launch_.block;
  std::vector<std::size_t> turns;  // of those that have not returned
  for (unsigned i = 0; i < threads_.size(); ++i) {
    threads_[i].number = i;
    threads_[i].index = {i % b.x, i / b.x % b.y, i / b.x / b.y};
    fiber(i).start(&Block::enter, this);
    turns.push_back(i);
  }
  if (order == ThreadOrder::kDescending) std::reverse(turns.begin(), turns.end());
  running_block = this;
  while (!turns.empty()) {
    if (order == ThreadOrder::kRandom) std::shuffle(turns.begin(), turns.end(), random);
    bool moved = false;
    for (const std::size_t i : turns) {
      if (!threads_[i].can_go_on()) continue;
      current_ = &threads_[i];
      fiber(i).resume();
      moved = true;
      if (error_ == nullptr) continue;
      acquire(this);
      throw KernelError(*error_);
    }
    if (!moved) fail_stuck();
    std::erase_if(turns, [&](std::size_t i) { return fiber(i).is_done(); });
  }
  acquire(this);
  check_guards();
}

}  // namespace

bool in_kernel() { return running_block != nullptr; }
uint3 thread_index() { return running_block->current().index; }
uint3 block_index() { return running_block->index(); }
dim3 block_dimensions() { return running_block->launch().block; }
dim3 grid_dimensions() { return running_block->launch().grid; }
unsigned lane() { return running_block->current().lane(); }
void block_barrier(const char* file, int line) { running_block->barrier({file, line}); }
const std::uint64_t* warp_exchange(unsigned mask, std::uint64_t value, const char* what, const char* file, int line) {
  return running_block->exchange(mask, value, what, {file, line});
}
void* shared_variable(std::size_t bytes, std::size_t type, const char* file, int line) {
  return running_block->shared(bytes, type, {file, line});
}
void* dynamic_shared_memory() { return running_block->dynamic(); }
void fail_in_kernel(const std::string& what, const char* file, int line) {
  running_block->fail(running_block->current(), what, {file, line});
}

void run_kernel(const KernelLaunch& launch, ThreadOrder order, std::mt19937_64& random) {
  constexpr std::size_t kRotation = 33;  // fibers from one block to the next
  if (thread_workshop == nullptr) thread_workshop = std::make_unique<Workshop>();
  Workshop& workshop = *thread_workshop;
  const std::size_t wanted = std::size_t{launch.block.x} * launch.block.y * launch.block.z + kRotation;
  while (workshop.fibers.size() < wanted) workshop.fibers.push_back(std::make_unique<Fiber>());
  struct Leave {
    ~Leave() { running_block = nullptr; }
  } leave;
  // Once for all blocks: what one block does has not happened before another begins.
  release(&workshop);
  std::vector<uint3> blocks;
  for (unsigned z = 0; z < launch.grid.z; ++z) {
    for (unsigned y = 0; y < launch.grid.y; ++y) {
      for (unsigned x = 0; x < launch.grid.x; ++x) blocks.push_back({x, y, z});
    }
  }
  if (order == ThreadOrder::kRandom) std::shuffle(blocks.begin(), blocks.end(), random);
  if (order == ThreadOrder::kDescending) std::reverse(blocks.begin(), blocks.end());
  std::size_t first = 0;
  for (const uint3& index : blocks) {
#ifndef GRADUS_EMULATOR_TSAN
    workshop.meetings.clear();
#endif
    Block(launch, index, workshop, first).run(order, random);
    first = (first + kRotation) % workshop.fibers.size();
  }
  workshop.meetings.clear();
}

}  // namespace gradus::cuda_emulator
