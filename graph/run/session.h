// Runs a graph. A session owns its devices, its threads and the values of its variables; it compiles a plan for every signature (feeds with
// their shapes, fetches, targets) and keeps the 64 that were used last. run() may be called from several threads: calls are carried out one
// after the other, unless options.concurrent_runs allows more. Any number of sessions may run on one graph, which must outlive them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gradus/core/conv_algorithm.h"
#include "gradus/core/tensor.h"
#include "gradus/graph/graph.h"
#include "gradus/graph/run/plan_report.h"

namespace gradus {

// What an observer sees of a step that has run.
struct ObservedStep {
  const Node& node;                       // the last one, where several were fused
  const std::vector<Tensor>& results;     // in host memory, until the observer returns; clone() keeps one
  bool is_copy;                           // of the node's value, from another device
  const std::vector<const Node*>& nodes;  // all that the step computes, first to last
};

struct SessionOptions {
  std::string device = "";  // for nodes without a DeviceScope, "cpu:0"; empty means best_device()
  std::uint64_t seed = 0;   // of all random ops; the same seed gives the same bits, whatever the number of threads
  int num_threads = 0;      // of each CPU device; 0 means one per processor
  // How many calls of run() may be carried out at the same time, for inference from several threads on shared weights; others wait, and
  // calls that assign variables are carried out alone. Each concurrent call compiles plans and has an arena of its own.
  int concurrent_runs = 1;
  // For devices that have a choice; CPUs compute float32 in full and the same bits in every run, whatever is said here.
  bool allow_tf32 = false;    // products of float32 may be rounded to 10 bits of mantissa where that is faster
  bool deterministic = true;  // only kernels that give the same bits in every run
  // On GPUs: several of cuDNN's engines are tried for each convolution when a plan is made, and the fastest is taken, instead of the one
  // that cuDNN recommends. Plans take longer to make, and another session may choose another, with other bits.
  bool autotune = false;
  // On CPUs: how convolutions are computed. kAuto takes Winograd's minimal filtering where it is faster, whose rounding errors are larger:
  // 1e-6 to 2e-6 of the results in the mean, where the definition's products leave 1e-7 to 6e-7; float64 is never computed so. With
  // kDirect it is those products, added up. explain() says what was taken, and why (docs/cpu_convolutions.md).
  ConvAlgorithm conv_algorithm = ConvAlgorithm::kAuto;
  // On cpu:0: subnormal numbers (below 1.2e-38 in float32 and bfloat16, 2.2e-308 in float64) count as 0, as in TensorFlow. Momenta of weights
  // that no longer change end there, and on many processors a product with one takes a hundred times as long (docs/sessions.md).
  bool flush_subnormals = true;
  // On devices that can (GPUs): from the third run on, steps that are the same in every run are repeated as one recording (a CUDA graph)
  // instead of being started one by one. Same bits. Not while `profile`, `observer` or `check_numerics` looks at single steps.
  bool record = true;
  // In how many streams a recording may work at the same time: with 2, filter gradients beside what the gradient of the image leads to.
  // Takes more memory, since steps at the same time cannot share it.
  int streams = 1;
  bool check_numerics = false;  // stop at the first node that makes a NaN or infinity, naming its inputs' ranges
  // Called by run() after each step, in their order, those that compute initial values of variables included; what it throws ends
  // the run. Views count as steps. Nodes that were folded, shared or fused have none: optimize = false shows every node. The
  // session cannot be used from inside: InvalidArgument.
  std::function<void(const ObservedStep&)> observer = {};
  bool profile = false;         // measure the time of every node, for explain() and write_trace()
  bool optimize = true;         // fold constants, share equal subexpressions, reuse and alias memory
  bool poison_outputs = false;  // fill each output with NaN (integers: 0xA5) before its kernel runs; for tests
};

using Feeds = std::vector<std::pair<Output, Tensor>>;

enum class ExplainOrder {
  kAutomatic,  // in run order where all steps are shown; else by time, or by bytes where nothing was measured
  kRun,
  kTime,
  kBytes,  // of the results
};

struct ExplainOptions {
  // Steps that are shown; of variables, constants and nodes without a step so many, or else a third; 0: all.
  int top = 30;
  ExplainOrder sort_by = ExplainOrder::kAutomatic;  // of the steps
};

// The first device of the usable backend of the highest rank (Backend::rank): cpu:0; GPUs are only used where they are asked for. Throws
// Unavailable without any backend.
std::string best_device();

class Session {
 public:
  // Throws NotFound or Unavailable for a device that cannot be used.
  explicit Session(const Graph& graph, SessionOptions options = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Feeds replace any output (its shape must accept the tensor), fetches are returned in order as host tensors of their own,
  // targets are run for their effects. Variables that are needed for the first time get their initial values first.
  // Throws InvalidArgument (placeholder not fed, wrong dtype or shape), Unimplemented (no kernel), and what kernels throw.
  // When a run throws, variables may keep the changes that were made before the failing node; where a GPU finds something wrong, which is
  // heard when all is done, also those that were made after it.
  std::vector<Tensor> run(const Feeds& feeds, const std::vector<Output>& fetches,
                          const std::vector<Operation>& targets = {});
  std::vector<Tensor> run(const std::vector<Output>& fetches) { return run({}, fetches, {}); }
  // One output gives one tensor: session.run(loss), session.run(feeds, loss, {train}). Braces mean a list and give a vector,
  // also of one, which is why these are templates.
  template <class T>
  requires std::is_same_v<T, Output> Tensor run(const T& fetch) { return run({}, std::vector<Output>{fetch}, {})[0]; }
  template <class T>
  requires std::is_same_v<T, Output> Tensor run(const Feeds& feeds, const T& fetch,
                                                const std::vector<Operation>& targets = {}) {
    return run(feeds, std::vector<Output>{fetch}, targets)[0];
  }
  // One operation, for its effect: session.run(train), session.run(feeds, train).
  template <class T>
  requires std::is_same_v<T, Operation>
  void run(const T& target) { run({}, std::vector<Output>{}, {target}); }
  template <class T>
  requires std::is_same_v<T, Operation>
  void run(const Feeds& feeds, const T& target) { run(feeds, std::vector<Output>{}, {target}); }

  // The value of a Variable's output; a variable without value is initialised first.
  Tensor value(const Output& variable);
  // Overwrites it. Throws InvalidArgument on another dtype or shape, except that float16 and bfloat16 are widened for a float32 variable.
  void set_value(const Output& variable, const Tensor& value);
  // The same for several variables at one moment, whatever other threads run. set_values() changes all or, when it throws, none.
  std::vector<Tensor> values(const std::vector<Output>& variables);
  void set_values(const std::vector<std::pair<Output, Tensor>>& values);
  // Every variable of the graph (initialised where needed) by name, all of one moment, for checkpoints; and back. restore()
  // throws NotFound for a missing or unknown name and InvalidArgument for a wrong shape or dtype, before it changes anything.
  // A program that has other variables than the one that saved (no optimiser, say) takes io::load_weights() (io/weights.h).
  std::map<std::string, Tensor> state();
  void restore(const std::map<std::string, Tensor>& state);
  // Runs since the start. Random ops depend on it, so checkpoints keep it.
  std::uint64_t run_number() const;
  void set_run_number(std::uint64_t number);

  // The plan that computes `fetches` as text: number of steps and memory per device; time (where the session profiles), share of the
  // run and bytes per part (forward, gradients, updates), op and scope; then the steps, each with its device and why, kernel, dtype,
  // shape, bytes, buffer offset, what it shares or was fused with; then what is fed, variables, constants, and what was folded. Feeds
  // give the shapes of placeholders, as in run(). docs/sessions.md tells how to read it.
  std::string explain(const Output& fetch, const Feeds& feeds = {}, const ExplainOptions& options = {});
  std::string explain(const Feeds& feeds, const std::vector<Output>& fetches,
                      const std::vector<Operation>& targets = {}, const ExplainOptions& options = {});
  // The same as data, for tools that draw or compare plans.
  PlanReport report(const Feeds& feeds, const std::vector<Output>& fetches, const std::vector<Operation>& targets = {});
  // The profiled runs (their first 200000 steps) as Chrome trace JSON (chrome://tracing, Perfetto). The file is replaced
  // when all of it is written. Throws InvalidArgument unless options.profile; NotFound (no such directory), InvalidArgument or
  // ResourceExhausted (disk full) when it cannot be written.
  void write_trace(const std::string& path) const;

  // Plans that are kept, and bytes of their arenas; for tests and benchmarks.
  int num_plans() const;
  std::size_t arena_bytes() const;
  const SessionOptions& options() const;
  const Graph& graph() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gradus
