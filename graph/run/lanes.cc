#include "gradus/graph/run/lanes.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/core/log.h"

namespace gradus {
namespace {

// Feeds of ever new shapes would otherwise fill the memory with plans. The one that was not used for longest goes.
constexpr std::size_t kMaxPlans = 64;

}  // namespace

const Plan* Lane::find(const Feeds& feeds, const std::vector<Output>& fetches,
                       const std::vector<Operation>& targets) const {
  for (const auto& plan : plans_) {
    if (matches(*plan, feeds, fetches, targets)) return plan.get();
  }
  return nullptr;
}

Plan& Lane::plan_for(const Feeds& feeds, const std::vector<Output>& fetches, const std::vector<Operation>& targets,
                     FunctionRef<std::unique_ptr<Plan>()> compile) {
  auto found = std::find_if(plans_.begin(), plans_.end(),
                            [&](const auto& plan) { return matches(*plan, feeds, fetches, targets); });
  if (found == plans_.end()) {
    plans_.push_back(compile());
    found = plans_.end() - 1;
  }
  std::rotate(plans_.begin(), found, found + 1);
  if (plans_.size() > kMaxPlans) {
    plans_.pop_back();
    log(LogLevel::kInfo,
        fmt::format("forgot the plan that was not used for longest: a session keeps {}. Feeds of ever new shapes "
                    "cost a compilation each",
                    kMaxPlans));
  }
  return *plans_.front();
}

Lanes::Lanes(const SessionOptions& options) : options_(options) { add(); }

void Lanes::add() {
  lanes_.push_back(std::make_unique<Lane>(options_));
  free_.push_back(lanes_.back().get());
  free_.reserve(lanes_.size());  // so that giving one back cannot fail
}

Lanes::InUse::InUse(Lanes& lanes, std::unique_lock<std::mutex>& lock) : lanes_(lanes) {
  if (lanes.free_.empty() && static_cast<int>(lanes.lanes_.size()) < lanes.options_.concurrent_runs) lanes.add();
  lanes.one_is_free_.wait(lock, [&] { return !lanes.free_.empty(); });
  lane_ = lanes.free_.back();
  lanes.free_.pop_back();
}

Lanes::InUse::~InUse() {
  lanes_.free_.push_back(lane_);
  lanes_.one_is_free_.notify_one();
}

}  // namespace gradus
