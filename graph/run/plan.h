// A compiled plan: what a session runs for one signature (feeds with concrete shapes, fetches, targets). All shapes are known,
// every step has its kernel and device, and every intermediate tensor has its place in its device's arena. Internal to graph/.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "gradus/core/kernel.h"
#include "gradus/core/tensor_text.h"
#include "gradus/graph/run/session.h"

namespace gradus {

// A variable in the arrangement that some kernels read it in (KernelContext::request_packed).
struct PackedVariable {
  PackFn pack;
  std::size_t bytes;
  Buffer memory;
  std::string where;          // of the first node whose kernel asked for it
  std::uint64_t made_of = 0;  // VariableState::changes when it was made; 0: never
};

// A variable's memory, on its device, for the life of the session.
struct VariableState {
  Tensor tensor;
  bool initialized = false;
  Device* device = nullptr;
  std::string reason;         // of the placement
  std::uint64_t changes = 1;  // grows with every run that assigns it, and whenever it is given a value
  std::vector<std::unique_ptr<PackedVariable>> packed = {};
};

// The devices of one session, created when first needed.
class DeviceSet {
 public:
  explicit DeviceSet(const DeviceOptions& options) : options_(options) {}
  Device& get(const DeviceName& name);
  // Memory of the host for values that devices have computed: nothing runs on it.
  Device& host() { return host_; }
  // A constant in the memory of `device`: plans that hold it at the same time have one copy of it, such as a set of images for training
  // and for tests. Throws ResourceExhausted.
  Tensor uploaded(const Tensor& constant, Device& device);

 private:
  DeviceOptions options_;
  std::vector<std::unique_ptr<Device>> devices_;
  HostDevice host_{DeviceName{"host", 0}, nullptr};
  // By the memory that was copied, and its device. Both ends are known as long as they live, so that other memory that later lies at the
  // same address is not taken for the first.
  struct Upload {
    std::weak_ptr<void> host, there;
  };
  std::map<std::tuple<const void*, std::size_t, Device*>, Upload> uploads_;
};

enum class Storage {
  kArena,     // intermediate: an offset in the device's arena
  kFeed,      // the tensor that the caller feeds
  kConstant,  // held by the plan: constants and folded nodes
  kVariable,  // the session's
};

// Steps, values and positions are numbered by int.
constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

struct PlanValue {
  DType dtype = DType::kFloat32;
  Shape shape = {};
  std::size_t bytes = 0;
  Storage storage = Storage::kArena;
  Device* device = nullptr;
  int producer = -1;  // step, or -1
  int output =
      0;  // of the producer; -1: none, but a variable (`alias_of`) that the producer has changed, or its scratch memory
  int alias_of = -1;       // value whose memory this one shares (a view, an in-place result, a variable's new value)
  std::size_t offset = 0;  // in the arena
  const Node* source = nullptr;  // the node it comes from (placeholder, constant, variable or computing node)
  Tensor tensor = {};            // feeds, and constants: in the memory of `device` where there is one
  VariableState* variable = nullptr;
};

// An operand whose values the host reads when the kernel is prepared; the kernel itself sees its shape alone.
struct HostOperand {
  int operand;
  const Tensor* source;  // in host memory
  Tensor shape_only;
};

struct PlanStep {
  // What its kernel computes, first to last: one node, or several (plan_fuse.cc, plan_batch.cc). Of a copy the node whose value is
  // copied.
  std::vector<const Node*> nodes;
  bool is_copy = false;
  Device* device = nullptr;
  std::string reason;  // of the placement
  const KernelDef* kernel = nullptr;
  std::vector<int> inputs = {};   // values
  std::vector<int> outputs = {};  // values
  // Of a step that changes variables: per mutated input the value that stands for the variable's contents from then on.
  std::vector<int> versions = {};
  // Steps that must come first besides the producers of the inputs. Ordered plans have here, too, who reads or makes what this step
  // overwrites of a variable: the steps that for_each_predecessor() visits are all that a step waits for.
  std::vector<int> after = {};
  // In a recording, steps of one stream run one after the other, in the plan's order; those of different streams at the same time, unless
  // one waits for the other. What is not recorded runs in the plan's order.
  int stream = 0;
  int scratch = -1;      // the value that is its scratch memory
  bool aliased = false;  // a view that shares its input's memory: nothing runs
  bool needed = false;
  std::string where = {};  // the places of its nodes in the user's program
  std::vector<HostOperand> host_operands = {};
  bool prepare_in_each_run = false;       // since a host operand is computed or fed
  std::vector<const void*> results = {};  // where the outputs lie, while the plan is bound
  KernelContext context = {};             // its `nodes_` say how the operands of several nodes lie among the inputs
  double total_ms = 0.0;                  // profiling
  std::int64_t runs = 0;

  const Node& first_node() const { return *nodes.front(); }
  const Node& node() const { return *nodes.back(); }  // by which the step is named
};

// Steps that a device has recorded: those at [begin, end) of Plan::order.
struct RecordedSteps {
  std::size_t begin, end;
  std::unique_ptr<Recording> recording;
};

struct PlanNote {  // what became of a node that has no step
  const Node* node;
  int value;  // where its first result is found
  std::string text;
};

struct Plan {
  // Signature.
  std::vector<Output> feeds;
  std::vector<Shape> feed_shapes;
  std::vector<Output> fetches;
  std::vector<Operation> targets;
  // Feeds whose values decided a shape: the plan holds for these values only.
  std::vector<std::pair<std::size_t, IntValues>> value_feeds;

  std::vector<PlanValue> values;
  std::vector<PlanStep> steps;
  std::vector<int> order;         // steps in run order
  std::vector<int> feed_values;   // value of each feed, -1 when unused
  std::vector<int> fetch_values;  // value of each fetch
  std::vector<Node*> variables;   // that must have a value before the first run
  std::vector<PlanNote> notes;
  std::vector<Device*> devices;  // of the steps, each once
  std::map<Device*, std::size_t> arena_bytes;
  std::map<Device*, std::size_t> scratch_bytes;  // of the step that has the most, within the arena
  std::vector<VariableState*> changed = {};      // variables that some step assigns, each once
  std::vector<std::pair<VariableState*, PackedVariable*>> packed = {};  // that kernels read (packed_variables.h)
  std::uint64_t runs = 0;
  std::uint64_t generation = 0;              // of the memory that the steps' tensors point into; 0: of none yet
  std::vector<RecordedSteps> recorded = {};  // in their order, for the memory of recorded_generation (recorded_steps.h)
  std::uint64_t recorded_generation = 0;
  std::string not_recorded = {};  // why the device gave up

  int root(int value) const;              // follows alias_of
  const Tensor& tensor(int value) const;  // that the value's users read; it stays where it is
  PlanStep& step(int i) { return steps[at(i)]; }
  const PlanStep& step(int i) const { return steps[at(i)]; }
  PlanValue& value(int i) { return values[at(i)]; }
  const PlanValue& value(int i) const { return values[at(i)]; }
};

// True for steps that overwrite variables.
inline bool is_mutator(const PlanStep& step) { return !step.is_copy && step.node().def().effect == Effect::kMutates; }
// The number of the step's first inputs that it overwrites.
inline int mutated_inputs(const PlanStep& step) {
  return step.is_copy ? 0 : static_cast<int>(step.node().def().num_mutated() * step.nodes.size());
}

// "Copy", "Conv2D", "BiasAdd+Relu" (plan.cc).
std::string op_text(const PlanStep& step);

// True when the plan was compiled for this signature: it holds for these feeds.
bool matches(const Plan& plan, const Feeds& feeds, const std::vector<Output>& fetches,
             const std::vector<Operation>& targets);

// On a device with memory of its own: true for steps that do the same in every run, on the same memory, as long as Plan::generation stays.
// A backend may record and repeat them. The others copy between the host and a device, what is fed from a new place each time, or
// are told by the host in the run what their operands hold (plan.cc).
bool is_repeatable(const Plan& plan, const PlanStep& step);

// Calls visit(step) for every step that must come before: the producers of the inputs, and `after`.
template <class Visit>
void for_each_predecessor(const Plan& plan, const PlanStep& step, Visit visit) {
  for (const int input : step.inputs) {
    if (plan.value(input).producer >= 0) visit(plan.value(input).producer);
  }
  for (const int before : step.after) visit(before);
}

// A step that copies `value` to `device`, with its result; appended to the plan's steps (plan.cc).
int add_copy_step(Plan& plan, int value, Device* device, std::string reason, std::vector<int> after);
// Appends a value, with its size in bytes; returns its number (plan.cc).
int add_value(Plan& plan, PlanValue value);

// Where a plan's variables live; filled by the session.
using VariableMap = std::unordered_map<const Node*, std::unique_ptr<VariableState>>;

struct CompileRequest {
  const Graph& graph;
  const SessionOptions& options;
  const Feeds& feeds;
  const std::vector<Output>& fetches;
  const std::vector<Operation>& targets;
  DeviceSet& devices;
  VariableMap& variables;  // gets an entry (not yet initialized) for every variable of the plan
  // False for initial values of variables: they are not part of a run, so what their nodes wait for is not run with them.
  bool follow_control = true;
  // For plans whose steps run at the same time: gives the ordered steps their streams, before memory is laid out.
  std::function<void(Plan&)> assign_streams = {};
};

// Prunes, infers concrete shapes, places, folds constants, shares equal subexpressions, inserts copies, fuses, orders, and lays
// out memory. Throws as Session::run does.
std::unique_ptr<Plan> compile_plan(const CompileRequest& request);

// The phases of compile_plan that have files of their own.
void check_signature(const CompileRequest& request);           // plan_prune.cc: what is asked for exists, in this graph
void mark_needed_steps(Plan& plan, std::vector<int> roots);    // plan_order.cc: `roots` and what they need
void fuse_chains(Plan& plan, const std::vector<int>& wanted);  // plan_fuse.cc: `wanted` must keep their results
void batch_updates(Plan& plan);                                // plan_batch.cc
void order_steps(Plan& plan);                                  // plan_order.cc
// plan_memory.cc: which results lie in the memory of others.
void share_memory(Plan& plan, const SessionOptions& options);
void prepare_kernels(Plan& plan, const SessionOptions& options);  // plan_kernels.cc
// plan_layout.cc: where in the arena all other results lie, and scratch memory. Every pair of the `max_large` largest is compared, which
// any CNN has fewer of; the rest is laid out in less time, less tightly.
void lay_out_memory(Plan& plan, const SessionOptions& options, std::size_t max_large = 1000);
PlanReport report_plan(const Plan& plan, const SessionOptions& options);                // plan_report.cc
std::string plan_report_text(const PlanReport& report, const ExplainOptions& options);  // plan_explain.cc

// Per step: the needed steps that it must come before (plan.cc).
std::vector<std::vector<int>> successors(const Plan& plan);
// One step for the nodes of `steps`, which are no longer needed, to be put where the last of them is (plan.cc). Its operands and results
// are for the caller to say. Errors say that it is at "[BiasAdd 'b' at a.cc:1] [Relu 'r' at a.cc:2]"; of many nodes at the first, with
// how many more.
PlanStep joined_step(Plan& plan, const std::vector<int>& steps, const KernelDef* kernel);
// Of steps[k], results `first` and later become results of the joined step.
void join_results(Plan& plan, const std::vector<int>& steps, std::size_t k, PlanStep& joined, std::size_t first = 0);

// Gives the kernel the values of a host operand.
void set_host_values(KernelContext& context, int operand, const Tensor& tensor);
// Calls a kernel's prepare or compute. Whatever it throws becomes an Error that names the node (plan_kernels.cc).
void call_kernel(KernelFn function, KernelContext& context);
// Calls prepare(), where there is one, when a plan is made. Throws ResourceExhausted for more scratch memory than the device has.
void prepare_kernel(KernelContext& context);
// compute() has assigned to an output, which it got as a Tensor&.
[[noreturn]] void fail_replaced(const KernelContext& context, std::size_t output);

// Where a node runs, by which kernel (nullptr: nothing computes), and why there (plan_place.cc).
struct Placement {
  Device* device;
  const KernelDef* kernel;
  std::string reason;
};
// What was asked for the node: its DeviceScope or the session's device.
Placement asked_device(const Node& node, const SessionOptions& options, DeviceSet& devices);
// The device of the variables among `inputs` that the node changes, nullptr when it changes none. Throws InvalidArgument for one that
// the run feeds, and for variables on different devices.
Device* changed_device(const Plan& plan, const Node& node, const std::vector<int>& inputs);
// `variable` is the device of the variable that the node changes, nullptr for all other nodes. Throws Unimplemented when
// there is no kernel.
Placement place(const Node& node, const SessionOptions& options, DeviceSet& devices, Device* variable);

// The seed of a random node: a function of the session's seed and the node's name.
std::uint64_t node_seed(std::uint64_t session_seed, const std::string& name);

}  // namespace gradus
