// A graph of ops. The user's thread builds it; sessions read it. Adding nodes and compiling plans are synchronised with each
// other, so a graph may grow while sessions run; two threads must not use scopes of one graph at the same time.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/core/at.h"
#include "gradus/core/caller.h"
#include "gradus/core/function_ref.h"
#include "gradus/graph/node.h"

namespace gradus {

// Collections that the library itself uses.
inline constexpr const char* kTrainableVariables = "trainable_variables";  // outputs of Variable nodes
inline constexpr const char* kAllVariables = "variables";
inline constexpr const char* kRegularizationLosses = "regularization_losses";  // scalars, to be added to the loss
inline constexpr const char* kUpdateOps = "update_ops";  // to be run with each training step (moving averages)

struct GraphMutex;
struct GraphNames;

class Graph {
 public:
  explicit Graph(const OpRegistry& ops = op_registry());
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Adds a node and runs its shape function. `name` is made unique within the current name scope; empty means the op's name.
  // `attrs` are the op's own struct, {} where it has none. Throws NotFound (unknown op, with the nearest names) or
  // InvalidArgument, with `[Op 'name' at file:line]` in front; the graph is then unchanged.
  Node& add_node(std::string_view op, std::vector<Output> inputs, Attrs attrs, At at = {});
  // The same for ops with one result.
  Output add(std::string_view op, std::vector<Output> inputs, Attrs attrs, At at = {}) {
    return add_node(op, std::move(inputs), std::move(attrs), at).output(0);
  }
  // For builders that take name and line apart.
  Output add(std::string_view op, std::vector<Output> inputs, Attrs attrs, std::string_view name,
             SourceLocation location) {
    return add(op, std::move(inputs), std::move(attrs), At{name, location});
  }

  int num_nodes() const { return static_cast<int>(nodes_.size()); }
  // Throws InvalidArgument unless 0 <= id < num_nodes().
  Node& node(int id) const {
    if (id < 0 || id >= num_nodes()) fail_node(id);
    return *nodes_[static_cast<std::size_t>(id)];
  }
  // nullptr when there is none.
  Node* find_node(std::string_view name) const;
  // "conv1" or "split:1"; throws NotFound with the nearest names.
  Output find_output(std::string_view name) const;
  const OpRegistry& ops() const { return *ops_; }

  void add_to_collection(const std::string& collection, const Output& item);
  // Empty when nothing was added.
  std::vector<Output> collection(const std::string& name) const;
  const std::map<std::string, std::vector<Output>>& collections() const { return collections_; }

  // What is known of an integer output's value without running anything; nullopt when nothing is.
  std::optional<IntValues> known_value(const Output& output) const;

  // An Output that refers to nothing, with the reason that errors give when it is used.
  Output absent(std::string why);

  // The open name scopes as the user wrote them, "block1/" (name prefixes may have a "_1" against repetition).
  const std::string& scope_path() const { return scope_path_; }

  // Held shared while a session compiles, exclusively while a node is added. Include "gradus/graph/graph_mutex.h" to lock it.
  GraphMutex& mutex() const { return *mutex_; }

 private:
  friend class NameScope;
  friend class DeviceScope;
  friend class ControlScope;
  friend class GradientScope;
  std::string unique_name(std::string_view base) const;
  [[noreturn]] void fail_node(int id) const;

  const OpRegistry* ops_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::unique_ptr<GraphNames> names_;
  std::map<std::string, std::vector<Output>> collections_;
  std::vector<std::unique_ptr<const std::string>> absences_;
  std::unique_ptr<GraphMutex> mutex_;

  // State of the scopes, applied to every new node.
  std::string name_prefix_;
  std::string scope_path_;
  std::string device_;
  std::vector<Node*> control_;
  const Node* forward_node_ = nullptr;  // while a gradient rule runs; its nodes take the forward node's file and line
  std::string gradient_rule_;
};

// For builder functions: Graph::add_node in the graph that the inputs belong to. Throws InvalidArgument, with the op and the
// caller's line, when none of them refers to anything.
Node& add_node(std::string_view op, std::vector<Output> inputs, Attrs attrs, At at = {});
// The same for ops with one result:
//   Output swish(const Output& x, At at = {}) { return add_op("Swish", {x}, SwishAttrs{}, at); }
Output add_op(std::string_view op, std::vector<Output> inputs, Attrs attrs, At at = {});
// For builders that take name and line apart.
inline Output add_op(std::string_view op, std::vector<Output> inputs, Attrs attrs, std::string_view name,
                     SourceLocation location) {
  return add_op(op, std::move(inputs), std::move(attrs), At{name, location});
}
// Throws InvalidArgument in the caller's name when `operand` refers to nothing; `what` is its name in the text.
void require_valid(const Caller& caller, const char* what, const Output& operand);
// The graph of such an operand, for builders of several nodes.
Graph& graph_of(const Caller& caller, const char* what, const Output& operand);

// The outputs of an op's shape function for given inputs. `input_value(i)` answers what is known of operand i; `operands` give the
// symbols of unknown dimensions, where the inputs are a graph's outputs.
using ValueLookup = FunctionRef<std::optional<IntValues>(int)>;
std::vector<TensorInfo> infer_shapes(const OpDef& def, const Attrs& attrs, std::vector<TensorInfo> inputs,
                                     ValueLookup input_value, const std::vector<Output>& operands = {});
// The op's value function on given inputs; nullopt when it has none, or the output is not a small integer tensor.
std::optional<IntValues> infer_value(const OpDef& def, const Attrs& attrs, std::vector<TensorInfo> inputs,
                                     const TensorInfo& output, ValueLookup input_value,
                                     const std::vector<Output>& operands = {});

}  // namespace gradus
