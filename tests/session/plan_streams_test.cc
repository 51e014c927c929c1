// Plans whose steps may run at the same time, in several streams: nothing lies in memory that a step which may run then writes. Every
// read of every step is compared with every write of every other, on random graphs with random streams, and the plans are run in random
// orders that the streams allow.
#include <gradus/gradus.h>
#include <gradus/graph/constant_attrs.h>
#include <gtest/gtest.h>

#include <random>

#include "gradus/graph/run/executor.h"
#include "gradus/graph/run/plan.h"
#include "tests/support/fused_kernels.h"

namespace gradus {
namespace {

constexpr std::int64_t kRows = 4, kColumns = 6;

// A plan with the memory of its variables, outside of a session.
class LoosePlan {
 public:
  using Streams = std::function<void(Plan&)>;

  LoosePlan(const Graph& graph, const Feeds& feeds, const std::vector<Output>& fetches,
            const std::vector<Operation>& targets, const Streams& streams, const std::string& device = "cpu:0")
      : options_{.device = device, .num_threads = 1}, executor_(options_) {
    plan_ = compile_plan({graph, options_, feeds, fetches, targets, devices_, variables_, true, streams});
    for (auto& [node, state] : variables_) {
      const Tensor& value = node->input(0).node().attrs_as<ConstantAttrs>().value;
      state->device->copy_from_host(state->tensor.raw(), value.raw(), value.bytes());
      state->initialized = true;
    }
  }

  Plan& plan() { return *plan_; }
  // Lays memory out anew, all but a few values in the way for very many of them.
  void lay_out_as_many() {
    plan_->arena_bytes.clear();
    lay_out_memory(*plan_, options_, 2);
  }
  std::vector<Tensor> run(const Feeds& feeds) { return executor_.run(*plan_, feeds, 1); }
  const VariableMap& variables() const { return variables_; }

 private:
  SessionOptions options_;
  DeviceSet devices_{DeviceOptions{.num_threads = 1}};
  VariableMap variables_;
  std::unique_ptr<Plan> plan_;
  Executor executor_;
};

// Which steps surely come before which, step by step: in one stream, or waited for, directly or through others.
std::vector<std::vector<bool>> surely_before(const Plan& plan) {
  const std::size_t count = plan.order.size();
  std::vector<std::vector<bool>> before(count, std::vector<bool>(count, false));
  std::vector<std::size_t> position(plan.steps.size(), 0);
  for (std::size_t p = 0; p < count; ++p) position[static_cast<std::size_t>(plan.order[p])] = p;
  for (std::size_t p = 0; p < count; ++p) {
    const PlanStep& step = plan.step(plan.order[p]);
    const auto comes_after = [&](std::size_t q) {
      before[q][p] = true;
      for (std::size_t r = 0; r < q; ++r) before[r][p] = before[r][p] || before[r][q];
    };
    for (std::size_t q = 0; q < p; ++q) {
      if (plan.step(plan.order[q]).stream == step.stream) comes_after(q);
    }
    for_each_predecessor(plan, step, [&](int s) { comes_after(position[static_cast<std::size_t>(s)]); });
  }
  return before;
}

struct Range {
  const void* where;  // the device of an arena, or a variable
  std::size_t begin, end;
  bool overlaps(const Range& other) const { return where == other.where && begin < other.end && other.begin < end; }
};

// Where a value lies; nothing for what is fed and for constants, which nobody writes.
Range range_of(const Plan& plan, int id) {
  const PlanValue& root = plan.value(plan.root(id));
  if (root.storage == Storage::kArena) return {root.device, root.offset, root.offset + root.bytes};
  if (root.storage == Storage::kVariable) return {root.variable, 0, root.bytes};
  return {nullptr, 0, 0};
}

// The step that wrote what the value holds; -1 for what was there before the run.
int writer_of(const Plan& plan, int id) {
  while (plan.value(id).producer >= 0 && plan.step(plan.value(id).producer).aliased)
    id = plan.step(plan.value(id).producer).inputs[0];
  return plan.value(id).producer;
}

// The conflicts of a plan, in words; few, when there are many.
std::vector<std::string> conflicts_of(const Plan& plan) {
  const auto before = surely_before(plan);
  std::vector<int> position(plan.steps.size(), -1);
  for (std::size_t p = 0; p < plan.order.size(); ++p)
    position[static_cast<std::size_t>(plan.order[p])] = static_cast<int>(p);
  const auto comes_before = [&](int a, int b) {
    return before[static_cast<std::size_t>(position[static_cast<std::size_t>(a)])]
                 [static_cast<std::size_t>(position[static_cast<std::size_t>(b)])];
  };
  struct Write {
    int step;
    Range range;
  };
  std::vector<Write> writes;
  for (const int s : plan.order) {
    const PlanStep& step = plan.step(s);
    if (step.aliased) continue;
    for (const int id : step.outputs) writes.push_back({s, range_of(plan, id)});
    for (const int id : step.versions) writes.push_back({s, range_of(plan, id)});
    if (step.scratch >= 0) writes.push_back({s, range_of(plan, step.scratch)});
  }
  std::vector<std::string> found;
  // Nobody may write over `range` between step `from` (-1: the beginning) and step `to` (-1: the end), both included.
  const auto check = [&](const Range& range, int from, int to, const char* what) {
    for (const Write& write : writes) {
      if (write.step == from || write.step == to || !write.range.overlaps(range)) continue;
      const bool earlier = from >= 0 && comes_before(write.step, from);
      const bool later = to >= 0 && comes_before(to, write.step);
      if (earlier || later || found.size() > 5) continue;
      const auto name = [&](int s) { return s < 0 ? std::string("-") : plan.step(s).node().name(); };
      found.push_back("'" + name(write.step) + "' writes " + what + " of '" + name(to) + "', made by '" + name(from) +
                      "'");
    }
  };
  for (const int s : plan.order) {
    const PlanStep& step = plan.step(s);
    if (step.aliased) continue;
    // The first operands of an assignment stand for the variable, whatever it contains.
    for (std::size_t i = step.versions.size(); i < step.inputs.size(); ++i)
      check(range_of(plan, step.inputs[i]), writer_of(plan, step.inputs[i]), s, "an operand");
    for (const int id : step.versions) check(range_of(plan, id), s, s, "a variable");
    for (const int id : step.outputs) check(range_of(plan, id), s, s, "a result");
    if (step.scratch < 0) continue;
    const Range scratch = range_of(plan, step.scratch);
    check(scratch, s, s, "the scratch memory");
    for (const int id : step.inputs) EXPECT_FALSE(range_of(plan, id).overlaps(scratch));
    for (const int id : step.outputs) EXPECT_FALSE(range_of(plan, id).overlaps(scratch));
  }
  for (const int id : plan.fetch_values) check(range_of(plan, id), writer_of(plan, id), -1, "a fetch");
  return found;
}

// A graph of views, element-wise ops, reductions and normalisations with scratch memory and several results, reads and assignments.
class RandomLayers {
 public:
  explicit RandomLayers(unsigned seed) : random_(seed) {
    x = placeholder(graph, DType::kFloat32, {kRows, kColumns}, "x");
    outputs_ = {x};
    for (int i = 0; i < 3; ++i) {
      variables_.push_back(variable(graph, some_tensor({kRows, kColumns})));
      vectors_.push_back(variable(graph, some_tensor({kColumns})));
    }
    one_ = scalar(graph, 0.5, DType::kFloat32);
    for (int i = pick(10, 30); i > 0; --i) add_node();
    for (int i = pick(1, 4); i > 0; --i) fetches.push_back(any());
    for (int i = pick(0, 2); i > 0; --i) targets.push_back(some(operations_));
    if (targets.empty()) fetches.push_back(outputs_.back());
  }

  int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  Tensor some_tensor(const Shape& shape) {
    return random_normal_tensor(DType::kFloat32, shape, static_cast<std::uint64_t>(pick(0, 1 << 20)));
  }
  Feeds feeds() { return {{x, random_normal_tensor(DType::kFloat32, {kRows, kColumns}, 7)}}; }

  Graph graph;
  Output x;
  std::vector<Output> fetches;
  std::vector<Operation> targets;

 private:
  template <class T>
  const T& some(const std::vector<T>& items) {
    return items[static_cast<std::size_t>(pick(0, static_cast<int>(items.size()) - 1))];
  }
  Output any() { return pick(0, 3) == 0 ? some(variables_) : some(outputs_); }

  void add_node() {
    std::vector<Operation> controls;
    if (!operations_.empty() && pick(0, 3) == 0) controls.push_back(some(operations_));
    const ControlScope after(graph, controls);
    const DeviceScope on(graph, pick(0, 4) == 0 ? "ref:0" : "");
    switch (pick(0, 9)) {
      case 0: return keep(reshape(reshape(any(), {kColumns, kRows}), {kRows, kColumns}));
      case 1: return keep(identity(any()));
      case 2: return keep(tanh(any()));
      case 3: return keep(any() + any());
      case 4: return keep(softmax(any()) + bias_add_grad(any()));
      case 5: {
        const BatchNormOutputs norm = fused_batch_norm(any(), some(vectors_), some(vectors_));
        keep(norm.y);
        return keep(norm.y + norm.batch_mean);
      }
      case 6: {
        const Output normal = fused_batch_norm(any(), some(vectors_), some(vectors_)).y;
        return keep(pick(0, 1) == 0 ? relu(bias_add(any(), some(vectors_))) : relu(any() + normal));
      }
      case 7: return keep(any() * reduce_sum(any(), {0}));
      case 8: {
        const DeviceScope there(graph, "");
        return keep(assign_add(some(variables_), any()));
      }
      default: {
        const DeviceScope there(graph, "");
        const Output v = some(variables_), slot = some(variables_);
        return keep(v == slot ? assign(v, any()) : apply_momentum(v, slot, one_, any(), one_));
      }
    }
  }
  void keep(const Output& output) {
    outputs_.push_back(output);
    operations_.push_back(output);
  }

  std::mt19937 random_;
  std::vector<Output> outputs_, variables_, vectors_;
  std::vector<Operation> operations_;
  Output one_;
};

// Some order in which streams could run the steps.
void shuffle(Plan& plan, RandomLayers& random) {
  const auto before = surely_before(plan);
  std::vector<int> order;
  std::vector<bool> done(plan.order.size(), false);
  while (order.size() < plan.order.size()) {
    std::vector<std::size_t> ready;
    for (std::size_t p = 0; p < plan.order.size(); ++p) {
      bool is_ready = !done[p];
      for (std::size_t q = 0; q < plan.order.size(); ++q) is_ready = is_ready && (done[q] || !before[q][p]);
      if (is_ready) ready.push_back(p);
    }
    const std::size_t next = ready[static_cast<std::size_t>(random.pick(0, static_cast<int>(ready.size()) - 1))];
    done[next] = true;
    order.push_back(plan.order[next]);
  }
  plan.order = order;
}

std::size_t arena_of(const Plan& plan) {
  std::size_t bytes = 0;
  for (const auto& [device, size] : plan.arena_bytes) bytes += size;
  return bytes;
}

TEST(PlanStreams, NoStepWritesWhatAnotherMayStillRead) {
  register_fusing_device();
  std::size_t conflicts_of_one_stream = 0, streams_bytes = 0, one_stream_bytes = 0, all_bytes = 0;
  for (unsigned seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE("graph " + std::to_string(seed));
    RandomLayers random(seed);
    const std::string device = seed % 2 == 0 ? "cpu:0" : "fusing:0";
    const int streams = 2 + static_cast<int>(seed % 3);
    const auto assign = [&](Plan& plan) {
      for (const int s : plan.order) plan.step(s).stream = random.pick(0, streams - 1);
    };
    LoosePlan loose(random.graph, random.feeds(), random.fetches, random.targets, assign, device);
    if (seed % 4 >= 2) loose.lay_out_as_many();
    ASSERT_EQ(conflicts_of(loose.plan()), std::vector<std::string>());
    streams_bytes += arena_of(loose.plan());
    for (const PlanValue& v : loose.plan().values) all_bytes += v.storage == Storage::kArena ? v.bytes : 0;
    shuffle(loose.plan(), random);

    Session session(random.graph, {.device = device, .num_threads = 1, .optimize = false});
    const auto got = loose.run(random.feeds()), expected = session.run(random.feeds(), random.fetches, random.targets);
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_TRUE(bit_equal(got[i], expected[i])) << "fetch " << i;
    for (const auto& [node, state] : loose.variables()) {
      ASSERT_TRUE(bit_equal(state->tensor, session.value(const_cast<Node*>(node)->output(0)))) << node->name();
    }

    LoosePlan serial(random.graph, random.feeds(), random.fetches, random.targets, {}, device);
    ASSERT_EQ(conflicts_of(serial.plan()), std::vector<std::string>());
    one_stream_bytes += arena_of(serial.plan());
    assign(serial.plan());  // too late: memory has been laid out for one stream
    conflicts_of_one_stream += conflicts_of(serial.plan()).size();
  }
  EXPECT_GT(conflicts_of_one_stream, 400u) << "the check finds nothing";
  EXPECT_LT(one_stream_bytes, streams_bytes);
  EXPECT_LT(streams_bytes, all_bytes) << "nothing is reused";
}

// Two branches with a large tensor each: in one stream, or where one waits for the other, both lie in the same place.
TEST(PlanStreams, MemoryIsSharedAcrossStreamsWhereOneWaitsForTheOther) {
  const auto bytes_of = [](bool waits, int second_stream) {
    Graph graph;
    const Output x = placeholder(graph, DType::kFloat32, {1000}, "x");
    const Output first = reduce_sum(concat({x, x}, 0), {}, false, "first");
    const ControlScope after(graph, waits ? std::vector<Operation>{first} : std::vector<Operation>{});
    const Output second = reduce_sum(concat({x, x, x}, 0), {}, false, "second");
    const auto assign = [&](Plan& plan) {
      for (const int s : plan.order) {
        const std::int64_t size = plan.value(plan.step(s).outputs.at(0)).shape.num_elements();
        if (size == 3000 || plan.step(s).node().name() == "second") plan.step(s).stream = second_stream;
      }
    };
    LoosePlan loose(graph, {{x, Tensor::zeros(DType::kFloat32, {1000})}}, {first, second}, {}, assign);
    EXPECT_EQ(conflicts_of(loose.plan()), std::vector<std::string>());
    return arena_of(loose.plan());
  };
  const std::size_t shared = bytes_of(false, 0), apart = bytes_of(false, 1);
  EXPECT_LT(shared, 12000 + 1000u);
  EXPECT_GE(apart, 12000 + 8000u);
  EXPECT_EQ(bytes_of(true, 1), shared);
}

// Scratch memory is in use for one step: two steps of one stream have the same, those of two streams their own.
TEST(PlanStreams, StepsThatRunAtTheSameTimeHaveScratchMemoryOfTheirOwn) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {8, 512}, "x"),
               y = placeholder(graph, DType::kFloat32, {8, 512}, "y");
  const std::vector<Output> fetches = {bias_add_grad(x, {}, "a"), bias_add_grad(y, {}, "b")};
  const Feeds feeds = {{x, Tensor::zeros(DType::kFloat32, {8, 512})}, {y, Tensor::zeros(DType::kFloat32, {8, 512})}};
  const auto scratch_offsets = [&](int second_stream) {
    LoosePlan loose(graph, feeds, fetches, {}, [&](Plan& plan) {
      for (const int s : plan.order) plan.step(s).stream = plan.step(s).node().name() == "b" ? second_stream : 0;
    });
    EXPECT_EQ(conflicts_of(loose.plan()), std::vector<std::string>());
    std::vector<std::size_t> offsets;
    for (const int s : loose.plan().order) {
      if (const int scratch = loose.plan().step(s).scratch; scratch >= 0)
        offsets.push_back(loose.plan().value(scratch).offset);
    }
    return offsets;
  };
  const auto together = scratch_offsets(0), apart = scratch_offsets(1);
  ASSERT_EQ(together.size(), 2u);
  ASSERT_EQ(apart.size(), 2u);
  EXPECT_EQ(together[0], together[1]);
  EXPECT_NE(apart[0], apart[1]);
}

}  // namespace
}  // namespace gradus
