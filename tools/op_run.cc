#include "tools/op_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>

#include "gradus/graph/run/session.h"
#include "gradus/ops/source_ops.h"
#include "tools/op_names.h"

namespace gradus::tools {
namespace {

constexpr SourceLocation kCommandLine{"command line", 1};

// Small integer operands become constants, so that the shape function knows sizes and axes while the node is added;
// what a kernel overwrites becomes a variable; everything else is fed.
Output add_operand(Graph& graph, const OpDef& op, std::size_t index, const Tensor& value, Feeds* feeds) {
  const std::size_t last = op.inputs.size() - 1;
  std::string name = without_dots(op.inputs[std::min(index, last)]);
  if (index < op.num_mutated()) {
    return variable(graph, value, {name, kCommandLine}, false);
  }
  if (op.kind == OpKind::kVariable || (is_index(value.dtype()) && value.num_elements() <= kMaxTrackedValues)) {
    return constant(graph, value, {name, kCommandLine});
  }
  const Output fed = placeholder(graph, value.dtype(), value.shape(), {name, kCommandLine});
  feeds->emplace_back(fed, value);
  return fed;
}

// Bit k of `scalars` makes the k-th of the operands that are lone integers a scalar.
Node& add_op(Graph& graph, const OpRun& run, unsigned scalars, Feeds* feeds) {
  feeds->clear();
  std::vector<Output> inputs;
  for (std::size_t i = 0; i < run.operands.size(); ++i) {
    Tensor value = run.operands[i].value;
    if (run.operands[i].lone_integer) {
      if ((scalars & 1u) != 0) value = value.reshaped({});
      scalars >>= 1;
    }
    inputs.push_back(add_operand(graph, *run.op, i, value, feeds));
  }
  return graph.add_node(run.op->name, inputs, run.attrs, kCommandLine);
}

// A lone integer is a vector where the op takes that, else a scalar, each one by itself: `fill --dims 5 --value 1`.
Node& add_op(Graph& graph, const OpRun& run, Feeds* feeds) {
  constexpr std::ptrdiff_t kMostMixed = 6;  // 2^6 readings are tried; no op mixes vectors and scalars in more operands
  const auto lone = std::count_if(run.operands.begin(), run.operands.end(),
                                  [](const OperandValue& operand) { return operand.lone_integer; });
  const unsigned readings = 1u << std::min<std::ptrdiff_t>(lone, kMostMixed);
  try {
    return add_op(graph, run, 0, feeds);
  } catch (const Error& first) {
    if (first.code() != Code::kInvalidArgument) throw;
    std::string as_scalars;
    for (unsigned scalars = 1; scalars < readings; ++scalars) {
      try {
        return add_op(graph, run, scalars, feeds);
      } catch (const Error& error) {  // another reading may fit
        as_scalars = error.what();
      }
    }
    // None does. Which one was meant only the user knows.
    if (as_scalars.empty() || as_scalars == first.what()) throw;
    throw invalid_argument(fmt::format("{}; or, with lone integers as scalars: {}", first.what(), as_scalars));
  }
}

}  // namespace

std::vector<std::string> output_names(const OpDef& op, std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t last = op.outputs.size() - 1;
    const bool variadic = op.variadic_outputs() && i >= last;
    names.push_back(variadic ? fmt::format("{}:{}", without_dots(op.outputs[last]), i - last) : op.outputs[i]);
  }
  return names;
}

std::vector<Tensor> run_op(const OpRun& run, std::size_t wanted_outputs) {
  if (run.op->kind == OpKind::kPlaceholder) {
    throw invalid_argument(run.op->name + " computes nothing: its value is what a run feeds");
  }
  Graph graph;
  Feeds feeds;
  Node& node = add_op(graph, run, &feeds);
  const std::size_t count = static_cast<std::size_t>(node.num_outputs());
  if (count != wanted_outputs) {
    const std::string names = fmt::format("{}", fmt::join(output_names(*run.op, count), ", "));
    throw invalid_argument(fmt::format("{} has {} output{}{}; give --out {}; got {}", run.op->name, count,
                                       count == 1 ? "" : "s", count == 0 ? "" : " (" + names + ")",
                                       count == 0   ? "never"
                                       : count == 1 ? "once"
                                                    : fmt::format("{} times", count),
                                       wanted_outputs));
  }
  SessionOptions options;
  options.device = run.device;
  options.num_threads = run.num_threads;
  options.conv_algorithm = run.conv_algorithm;
  options.seed = run.seed;
  options.optimize = false;  // the op itself runs, on the device that was asked for
  Session session(graph, options);
  std::vector<Output> fetches;
  for (int i = 0; i < node.num_outputs(); ++i) fetches.push_back(node.output(i));
  return session.run(feeds, fetches, {Operation(&node)});
}

}  // namespace gradus::tools
