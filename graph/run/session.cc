#include "gradus/graph/run/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <shared_mutex>

#include "gradus/core/log.h"
#include "gradus/graph/graph_mutex.h"
#include "gradus/graph/run/chrome_trace.h"
#include "gradus/graph/run/lanes.h"
#include "gradus/graph/run/packed_variables.h"
#include "gradus/graph/run/plan.h"
#include "gradus/graph/run/plan_infer.h"
#include "gradus/graph/run/recorded_steps.h"
#include "gradus/graph/run/saved_names.h"

namespace gradus {

std::string best_device() {
  if (const auto usable = backend_registry().usable(); !usable.empty()) return usable[0]->list()[0].name.to_string();
  throw unavailable("this build has no backend to run graphs with; build with GRADUS_BACKENDS=ON");
}

// Locks. `mutex_` guards everything but running plans; `variables_mutex_` the values of variables, which runs share that only
// read them. The second is taken while the first is held, never the other way round: whoever waits for variables lets nobody
// else in, so that assignments do not starve.
class Session::Impl {
 public:
  Impl(const Graph& graph, SessionOptions options)
      : graph_(graph), options_(std::move(options)), devices_(device_options(options_)), lanes_(options_) {
    if (options_.concurrent_runs < 1 || options_.concurrent_runs > 1024) {
      throw invalid_argument(fmt::format("concurrent_runs must be 1 to 1024; got {}", options_.concurrent_runs));
    }
    if (options_.streams < 1 || options_.streams > 2) {
      throw invalid_argument(fmt::format("streams must be 1 or 2; got {}", options_.streams));
    }
    if (options_.device.empty()) options_.device = best_device();
    const DeviceName name = DeviceName::parse(options_.device);
    options_.device = name.to_string();
    devices_.get(name);  // fails here, at the user's line, when the device cannot be used
  }

  std::vector<Tensor> run(const Feeds& feeds, const std::vector<Output>& fetches,
                          const std::vector<Operation>& targets) {
    std::unique_lock lock = locked();
    const InRun here(this);
    const Lanes::InUse in_use(lanes_, lock);
    Plan& plan = plan_for(in_use.lane(), feeds, fetches, targets);
    if (!all_initialized(plan.variables)) {
      const std::unique_lock alone(variables_mutex_);
      initialize(in_use.lane(), plan.variables);
    }
    if (has_stale_packed(plan)) {
      const std::unique_lock alone(variables_mutex_);
      make_packed(plan);  // nobody begins to change the variables again before this run: mutex_ is held
    }
    std::unique_lock alone(variables_mutex_, std::defer_lock);
    std::shared_lock reading(variables_mutex_, std::defer_lock);
    if (!plan.changed.empty()) {
      alone.lock();
      note_changes(plan);
    } else {
      reading.lock();
    }
    const std::uint64_t number = ++run_number_;
    lock.unlock();
    std::vector<Tensor> results;
    std::exception_ptr error;
    try {
      results = in_use.lane().executor.run(plan, feeds, number);
    } catch (...) {
      error = std::current_exception();
    }
    if (alone.owns_lock()) alone.unlock();
    if (reading.owns_lock()) reading.unlock();
    lock.lock();
    if (error != nullptr) {
      if (run_number_ == number) --run_number_;  // a run that failed does not count, unless others began meanwhile
      std::rethrow_exception(error);
    }
    return results;
  }

  std::vector<Tensor> values(const std::vector<Output>& variables) {
    const Alone alone(*this);  // one moment for all, whatever other threads run
    std::vector<Tensor> values;
    for (const Output& variable : variables) values.push_back(copy_of(variable));
    return values;
  }

  void set_values(const std::vector<std::pair<Output, Tensor>>& values) {
    const Alone alone(*this);
    store_all(values);
  }

  std::map<std::string, Tensor> state() {
    const Alone alone(*this);
    std::map<std::string, Tensor> values;
    for (const Output& variable : all_variables()) values[variable.node().name()] = copy_of(variable);
    return values;
  }

  void restore(const std::map<std::string, Tensor>& state) {
    const Alone alone(*this);
    const std::vector<Output> variables = all_variables();
    check_names(variables, state);
    std::vector<std::pair<Output, Tensor>> values;
    for (const Output& variable : variables) values.emplace_back(variable, state.at(variable.node().name()));
    store_all(values);
  }

  PlanReport report(const Feeds& feeds, const std::vector<Output>& fetches, const std::vector<Operation>& targets) {
    const Alone alone(*this);
    // Of calls that ran at the same time, the plan that has run most often.
    const Plan* most_run = nullptr;
    for (const auto& lane : lanes_.all()) {
      const Plan* const plan = lane->find(feeds, fetches, targets);
      if (plan != nullptr && (most_run == nullptr || plan->runs > most_run->runs)) most_run = plan;
    }
    if (most_run == nullptr) most_run = &plan_for(lanes_.first(), feeds, fetches, targets);
    return report_plan(*most_run, options_);
  }

  // The sum of amount(lane) over all lanes.
  template <class Amount>
  std::size_t sum(Amount amount) const {
    const Alone alone(*this);
    std::size_t result = 0;
    for (const auto& lane : lanes_.all()) result += amount(*lane);
    return result;
  }

  void write_trace(const std::string& path) const {
    const Alone alone(*this);
    if (!options_.profile) throw invalid_argument("write_trace needs SessionOptions{.profile = true}");
    std::vector<const std::vector<TraceEvent>*> calls;
    for (const auto& lane : lanes_.all()) calls.push_back(&lane->executor.trace());
    write_chrome_trace(path, calls);
  }

  // All that locks does so here. What a run calls would wait for that run.
  std::unique_lock<std::mutex> locked() const {
    if (InRun::session == this) {
      throw invalid_argument(
          "the session is used from inside of its own run, by its observer or a kernel: keep what is needed, and use "
          "it when run() has returned");
    }
    return std::unique_lock(mutex_);
  }

  const Graph& graph_;
  SessionOptions options_;
  mutable std::mutex mutex_;
  std::uint64_t run_number_ = 0;
  DeviceSet devices_;
  VariableMap variables_;

 private:
  // This thread is in the session's run() while one is alive.
  struct InRun {
    explicit InRun(const Impl* impl) : outer(session) { session = impl; }
    ~InRun() { session = outer; }
    InRun(const InRun&) = delete;
    InRun& operator=(const InRun&) = delete;
    const Impl* const outer;
    static inline thread_local const Impl* session = nullptr;
  };

  // Nothing runs while one is alive.
  struct Alone {
    explicit Alone(const Impl& impl) : lock(impl.locked()), variables(impl.variables_mutex_) {}
    const std::unique_lock<std::mutex> lock;
    const std::lock_guard<std::shared_mutex> variables;
  };

  static DeviceOptions device_options(const SessionOptions& o) {
    if (o.num_threads < 0 || o.num_threads > 1024) {
      throw invalid_argument(fmt::format("num_threads must be 0 (one per processor) to 1024; got {}", o.num_threads));
    }
    return {.num_threads = o.num_threads,
            .allow_tf32 = o.allow_tf32,
            .deterministic = o.deterministic,
            .autotune = o.autotune,
            .conv_algorithm = o.conv_algorithm,
            .flush_subnormals = o.flush_subnormals};
  }

  Plan& plan_for(Lane& lane, const Feeds& feeds, const std::vector<Output>& fetches,
                 const std::vector<Operation>& targets) {
    return lane.plan_for(feeds, fetches, targets, [&] { return compile(feeds, fetches, targets); });
  }

  std::unique_ptr<Plan> compile(const Feeds& feeds, const std::vector<Output>& fetches,
                                const std::vector<Operation>& targets, bool follow_control = true) {
    const auto begin = std::chrono::steady_clock::now();
    const auto streams = [&](Plan& plan) { assign_streams(plan, options_.streams); };
    std::unique_ptr<Plan> plan =
        compile_plan({graph_, options_, feeds, fetches, targets, devices_, variables_, follow_control, streams});
    if (logs(LogLevel::kDebug)) {
      const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
      std::string text = fmt::format("compiled a plan of {} steps in {:.2f} ms", plan->order.size(), took.count());
      for (const auto& [device, bytes] : plan->arena_bytes)
        text += fmt::format(", {} bytes on {}", bytes, device->name().to_string());
      log(LogLevel::kDebug, text);
    }
    return plan;
  }

  bool all_initialized(const std::vector<Node*>& nodes) const {
    return std::all_of(nodes.begin(), nodes.end(), [&](Node* node) { return variables_.at(node)->initialized; });
  }

  // Initial values do not depend on when they are asked for: they are computed as run 0. One variable after the other, so that
  // the memory for all of them is never needed at once.
  void initialize(Lane& lane, const std::vector<Node*>& nodes) {
    for (Node* node : nodes) {
      if (variables_.at(node)->initialized) continue;
      const std::unique_ptr<Plan> plan = compile({}, {node->input(0)}, {}, /*follow_control=*/false);
      initialize(lane, plan->variables);  // an initial value may depend on other variables
      make_packed(*plan);
      note_changes(*plan);
      const std::vector<Tensor> value = lane.executor.run(*plan, {}, 0);
      store(node->output(0), value[0]);
    }
  }

  VariableState& state_of(const Output& variable) {
    Node& node = variable.node();
    if (&node.graph() != &graph_)
      throw invalid_argument(node.where() + " belongs to another graph than this session's");
    if (node.def().kind != OpKind::kVariable) throw invalid_argument(node.where() + " is not a variable");
    if (!variables_.contains(&node))
      compile({}, {variable}, {}, /*follow_control=*/false);  // makes its state, on its device
    return *variables_.at(&node);
  }

  Tensor copy_of(const Output& variable) {
    VariableState& state = state_of(variable);
    initialize(lanes_.first(), {&variable.node()});
    Tensor result(state.tensor.dtype(), state.tensor.shape());
    state.device->copy_to_host(result.raw(), state.tensor.raw(), result.bytes());
    return result;
  }

  // 16 bits for float32 are widened, which is exact: older checkpoints hold the state of optimisers and batch norm as float16.
  static bool is_widened(const Output& variable, const Tensor& value) {
    return is_half(value.dtype()) && variable.dtype() == DType::kFloat32;
  }

  void check_fits(const Output& variable, const Tensor& value) const {
    const bool fits = value.defined() && (value.dtype() == variable.dtype() || is_widened(variable, value)) &&
                      value.shape() == variable.shape();
    if (!fits) {
      throw invalid_argument(fmt::format("{} holds {}; got {}", variable.node().where(), type_text(variable),
                                         value.defined() ? type_text(value) : "a tensor without value"));
    }
  }

  // All, or when it throws none: what can fail comes first.
  void store_all(const std::vector<std::pair<Output, Tensor>>& values) {
    std::vector<std::pair<Output, Tensor>> converted;
    for (const auto& [variable, value] : values) {
      state_of(variable);  // a device that is not there throws now
      check_fits(variable, value);
      converted.emplace_back(variable, is_widened(variable, value) ? value.cast(DType::kFloat32) : value);
    }
    for (const auto& [variable, value] : converted) store(variable, value);
  }

  void store(const Output& variable, const Tensor& value) {
    VariableState& state = state_of(variable);
    state.device->copy_from_host(state.tensor.raw(), value.raw(), value.bytes());
    state.initialized = true;
    ++state.changes;
  }

  mutable std::shared_mutex variables_mutex_;
  Lanes lanes_;

  std::vector<Output> all_variables() const {
    std::vector<Output> variables;
    const std::shared_lock lock(graph_.mutex());
    for (int i = 0; i < graph_.num_nodes(); ++i) {
      if (graph_.node(i).def().kind == OpKind::kVariable) variables.push_back(graph_.node(i).output(0));
    }
    return variables;
  }
};

Session::Session(const Graph& graph, SessionOptions options)
    : impl_(std::make_unique<Impl>(graph, std::move(options))) {}
Session::~Session() = default;

std::vector<Tensor> Session::run(const Feeds& feeds, const std::vector<Output>& fetches,
                                 const std::vector<Operation>& targets) {
  return impl_->run(feeds, fetches, targets);
}
Tensor Session::value(const Output& variable) { return values({variable})[0]; }
void Session::set_value(const Output& variable, const Tensor& value) { set_values({{variable, value}}); }
std::vector<Tensor> Session::values(const std::vector<Output>& variables) { return impl_->values(variables); }
void Session::set_values(const std::vector<std::pair<Output, Tensor>>& values) { impl_->set_values(values); }
std::map<std::string, Tensor> Session::state() { return impl_->state(); }
void Session::restore(const std::map<std::string, Tensor>& state) { impl_->restore(state); }
std::uint64_t Session::run_number() const {
  const auto lock = impl_->locked();
  return impl_->run_number_;
}
void Session::set_run_number(std::uint64_t number) {
  const auto lock = impl_->locked();
  impl_->run_number_ = number;
}
std::string Session::explain(const Output& fetch, const Feeds& feeds, const ExplainOptions& options) {
  return explain(feeds, std::vector<Output>{fetch}, {}, options);
}
std::string Session::explain(const Feeds& feeds, const std::vector<Output>& fetches,
                             const std::vector<Operation>& targets, const ExplainOptions& options) {
  return plan_report_text(impl_->report(feeds, fetches, targets), options);
}
PlanReport Session::report(const Feeds& feeds, const std::vector<Output>& fetches,
                           const std::vector<Operation>& targets) {
  return impl_->report(feeds, fetches, targets);
}
void Session::write_trace(const std::string& path) const { impl_->write_trace(path); }
int Session::num_plans() const {
  return static_cast<int>(impl_->sum([](const Lane& lane) { return lane.num_plans(); }));
}
std::size_t Session::arena_bytes() const {
  return impl_->sum([](const Lane& lane) { return lane.executor.arena_bytes(); });
}
const SessionOptions& Session::options() const { return impl_->options_; }
const Graph& Session::graph() const { return impl_->graph_; }

}  // namespace gradus
