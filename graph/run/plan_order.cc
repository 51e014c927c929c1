// Which steps of a plan run, and in which order. Data flow and control dependencies decide, and that a version of a variable is
// read before the next assignment overwrites it. Where that cannot be (the reader needs the assignment's result as well), the
// version is copied just before it is overwritten, and the late readers take the copy.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <queue>
#include <set>

#include "gradus/graph/run/plan.h"

namespace gradus {
namespace {

class Scheduler {
 public:
  explicit Scheduler(Plan& plan) : plan_(plan) {}

  void run() {
    find_overwritten();
    keep_fetched_versions();
    find_readers();
    add_edges();
    for (int s = 0; s < count(); ++s) {
      if (plan_.step(s).needed && pending_[at(s)] == 0) make_ready(s);
    }
    while (!ready_.empty() || !held_.empty()) {
      if (ready_.empty()) release_by_copies(*held_.begin());
      const int s = ready_.top().second;
      ready_.pop();
      finish(s);
    }
    const auto needed =
        std::count_if(plan_.steps.begin(), plan_.steps.end(), [](const PlanStep& s) { return s.needed; });
    if (static_cast<std::ptrdiff_t>(plan_.order.size()) != needed) throw internal_error("steps that wait in a circle");
    record_edges();
  }

 private:
  int count() const { return static_cast<int>(plan_.steps.size()); }

  struct Version {
    int overwriter = -1;            // the step that changes the variable next
    std::vector<int> readers = {};  // steps, once per operand
    std::size_t unread = 0;         // of them, those that have not run yet
  };

  // Assignments to one variable come in the order of their steps, so each overwrites what the one before made.
  void find_overwritten() {
    std::unordered_map<int, int> newest;  // variable -> value that holds what it contains now
    for (int s = 0; s < count(); ++s) {
      const PlanStep& step = plan_.step(s);
      if (!step.needed) continue;
      for (std::size_t i = 0; i < step.versions.size(); ++i) {
        const int variable = step.inputs[i];
        const auto [found, is_first] = newest.try_emplace(variable, variable);
        versions_[found->second].overwriter = s;
        overwrites_[s].push_back(found->second);
        if (!is_first) writers_.emplace_back(plan_.value(found->second).producer, s);
        found->second = step.versions[i];
      }
    }
  }

  int copy_of(int version, std::string reason) {
    const int copy = add_copy_step(plan_, version, plan_.value(version).device, std::move(reason), {});
    plan_.steps.back().needed = true;
    return copy;
  }

  // A fetch reads at the end of the run.
  void keep_fetched_versions() {
    std::unordered_map<int, int> copies;
    for (int& fetch : plan_.fetch_values) {
      if (!versions_.contains(fetch)) continue;
      const auto [found, is_new] = copies.try_emplace(fetch, -1);
      if (is_new) found->second = copy_of(fetch, "kept for the fetch, before later assignments");
      fetch = found->second;
    }
  }

  void find_readers() {
    for (int s = 0; s < count(); ++s) {  // the copies as well
      if (!plan_.step(s).needed) continue;
      for (std::size_t i = plan_.step(s).versions.size(); i < plan_.step(s).inputs.size(); ++i) {
        const auto found = versions_.find(plan_.step(s).inputs[i]);
        if (found == versions_.end()) continue;
        if (found->second.overwriter != s) {
          found->second.readers.push_back(s);
          ++found->second.unread;
        } else if (plan_.step(s).versions.size() > 1) {
          // v += v, element by element, may read what it overwrites; an update of several variables has no such promise.
          const int copy = copy_of(found->first, "kept for '" + plan_.step(s).node().name() + "', which overwrites it");
          plan_.step(s).inputs[i] = copy;
        }
      }
    }
  }

  void add_edges() {
    next_ = successors(plan_);
    for (const auto& [before, after] : writers_) next_[at(before)].push_back(after);
    pending_.assign(plan_.steps.size(), 0);
    done_.assign(plan_.steps.size(), false);
    for (const std::vector<int>& after : next_) {
      for (const int s : after) ++pending_[at(s)];
    }
  }

  // What has only been kept here so far: an assignment waits for the one before, and for the readers of what it overwrites.
  void record_edges() {
    for (const auto& [before, after] : writers_) plan_.step(after).after.push_back(before);
    if (versions_.empty()) return;
    for (const int s : plan_.order) {
      const PlanStep& step = plan_.step(s);
      for (std::size_t i = step.versions.size(); i < step.inputs.size(); ++i) {
        const auto found = versions_.find(step.inputs[i]);
        if (found != versions_.end() && found->second.overwriter != s)
          plan_.step(found->second.overwriter).after.push_back(s);
      }
    }
  }

  bool overwrites_unread(int s) const {
    const auto found = overwrites_.find(s);
    return found != overwrites_.end() &&
           std::any_of(found->second.begin(), found->second.end(), [&](int v) { return versions_.at(v).unread > 0; });
  }

  void make_ready(int s) {
    if (overwrites_unread(s)) {
      held_.insert(s);
    } else {
      // Updates first, since they free the gradient they consume; then the order in which the nodes were built.
      ready_.emplace(is_mutator(plan_.step(s)) ? 0 : 1, s);
    }
  }

  void finish(int s) {
    plan_.order.push_back(s);
    done_[at(s)] = true;
    const PlanStep& step = plan_.step(s);
    for (std::size_t i = step.versions.size(); i < step.inputs.size(); ++i) {
      const auto found = versions_.find(step.inputs[i]);
      if (found == versions_.end() || found->second.overwriter == s || --found->second.unread > 0) continue;
      const int overwriter = found->second.overwriter;
      if (held_.contains(overwriter) && !overwrites_unread(overwriter)) {
        held_.erase(overwriter);
        make_ready(overwriter);
      }
    }
    for (const int successor : next_[at(s)]) {
      if (--pending_[at(successor)] == 0) make_ready(successor);
    }
  }

  // All that could run has run: some reader of what `s` overwrites waits for `s`, so only a copy of the old value can serve it. Any held
  // step may be the one that goes on, since each choice frees at least one step; the copy itself waits for nothing that has not run.
  void release_by_copies(int s) {
    for (const int id : overwrites_.at(s)) {
      Version& version = versions_.at(id);
      if (version.unread == 0) continue;
      const int copy = copy_of(id, "kept for later readers, before '" + plan_.step(s).node().name() + "' changes it");
      plan_.order.push_back(static_cast<int>(plan_.steps.size()) - 1);
      for (const int reader : version.readers) {
        if (done_[at(reader)]) continue;
        std::vector<int>& inputs = plan_.step(reader).inputs;
        std::replace(inputs.begin() + static_cast<std::ptrdiff_t>(plan_.step(reader).versions.size()), inputs.end(), id,
                     copy);
      }
      version.unread = 0;
    }
    held_.erase(s);
    make_ready(s);
  }

  Plan& plan_;
  std::vector<std::vector<int>> next_;  // step -> steps that come after it
  std::vector<int> pending_;            // per step: those before it that have not run
  std::vector<bool> done_;
  std::unordered_map<int, Version> versions_;             // by value: those that are overwritten in this run
  std::unordered_map<int, std::vector<int>> overwrites_;  // step -> versions
  std::vector<std::pair<int, int>> writers_;              // one after the other
  std::priority_queue<std::pair<int, int>, std::vector<std::pair<int, int>>, std::greater<>> ready_;
  std::set<int> held_;  // ready but for readers of what they overwrite
};

}  // namespace

void mark_needed_steps(Plan& plan, std::vector<int> roots) {
  while (!roots.empty()) {
    PlanStep& step = plan.step(roots.back());
    roots.pop_back();
    if (step.needed) continue;
    step.needed = true;
    for_each_predecessor(plan, step, [&](int before) { roots.push_back(before); });
  }
}

void order_steps(Plan& plan) {
  Scheduler(plan).run();
  for (const int s : plan.order) {
    Device* const device = plan.step(s).device;
    if (std::find(plan.devices.begin(), plan.devices.end(), device) == plan.devices.end())
      plan.devices.push_back(device);
    for (std::size_t i = 0; i < plan.step(s).versions.size(); ++i)
      plan.changed.push_back(plan.value(plan.root(plan.step(s).inputs[i])).variable);
  }
  std::sort(plan.changed.begin(), plan.changed.end());
  plan.changed.erase(std::unique(plan.changed.begin(), plan.changed.end()), plan.changed.end());
}

}  // namespace gradus
