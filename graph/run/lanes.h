// What a call of Session::run() needs for itself, so that several may be carried out at the same time: plans hold the tensors that their
// steps work on, and the arena is theirs. Internal to graph/.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "gradus/core/function_ref.h"
#include "gradus/graph/run/executor.h"
#include "gradus/graph/run/plan.h"

namespace gradus {

class Lane {
 public:
  explicit Lane(const SessionOptions& options) : executor(options) {}

  // nullptr when there is none for this signature.
  const Plan* find(const Feeds& feeds, const std::vector<Output>& fetches, const std::vector<Operation>& targets) const;
  // The same, by `compile` where there is none.
  Plan& plan_for(const Feeds& feeds, const std::vector<Output>& fetches, const std::vector<Operation>& targets,
                 FunctionRef<std::unique_ptr<Plan>()> compile);
  std::size_t num_plans() const { return plans_.size(); }

  Executor executor;

 private:
  std::vector<std::unique_ptr<Plan>> plans_;  // the last used first
};

// At least one, at most options.concurrent_runs. All is called while the session's mutex is held.
class Lanes {
 public:
  explicit Lanes(const SessionOptions& options);
  const std::vector<std::unique_ptr<Lane>>& all() const { return lanes_; }
  Lane& first() { return *lanes_[0]; }

  // A lane that nobody else uses while this is alive; waits for one. `lock` holds the session's mutex in the constructor and the
  // destructor.
  class InUse {
   public:
    InUse(Lanes& lanes, std::unique_lock<std::mutex>& lock);
    ~InUse();
    InUse(const InUse&) = delete;
    InUse& operator=(const InUse&) = delete;
    Lane& lane() const { return *lane_; }

   private:
    Lanes& lanes_;
    Lane* lane_ = nullptr;
  };

 private:
  void add();

  const SessionOptions& options_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<Lane*> free_;
  std::condition_variable one_is_free_;
};

}  // namespace gradus
