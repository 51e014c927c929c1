// Op definitions and where they are kept. An op is a name, its operands, its attribute struct and a shape function; a user's
// own op is registered by the same calls as the built-in ones.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/core/attrs.h"
#include "gradus/core/shape.h"
#include "gradus/core/source_location.h"

namespace gradus {

class BackendRegistry;  // core/device.h
class KernelRegistry;   // core/kernel.h

// Values of a small integer tensor as far as they are known before the graph runs; kUnknownValue marks the others. It is no
// number that a program would use: INT64_MIN, for one, is an ordinary value (as a bound of a slice it means "from the start").
using IntValues = std::vector<std::int64_t>;
inline constexpr std::int64_t kUnknownValue = INT64_MIN + 0x5eed'0ddb'a11;
// An unknown value that is the unknown size of some tensor's dimension has a name, its symbol: equal symbols are equal sizes. They are
// the numbers above kUnknownValue, one per dimension of a graph's outputs, and are seen only where they are asked for
// (ShapeContext::input_symbols).
inline constexpr std::int64_t kSymbols = std::int64_t{1} << 56;
constexpr bool is_unknown(std::int64_t value) { return value >= kUnknownValue && value < kUnknownValue + kSymbols; }
std::optional<IntValues> without_symbols(std::optional<IntValues> values);
// Larger tensors are not followed.
inline constexpr std::int64_t kMaxTrackedValues = 64;
// Nor are values that come from further away in the graph: following them is recursive.
inline constexpr int kMaxValueDepth = 500;

struct TensorInfo {
  DType dtype = DType::kFloat32;
  Shape shape;
};

// What a shape function sees. The same function runs when the node is added (dimensions may be unknown) and when a session
// compiles a plan (all are known).
class ShapeContext {
 public:
  virtual ~ShapeContext() = default;
  int num_inputs() const { return static_cast<int>(inputs_.size()); }
  // Throw InvalidArgument for an input that the node does not have.
  const Shape& input_shape(int i) const { return input(i).shape; }
  DType input_dtype(int i) const { return input(i).dtype; }
  // The values of an int32 or int64 operand where they can be known: constants, shape(x), slices, concats and sums of those,
  // and, when a plan is compiled, fed tensors. nullopt when nothing is known.
  std::optional<IntValues> input_value(int i) { return without_symbols(input_symbols(i)); }
  // The same with symbols for unknown sizes of dimensions. Value functions that only move elements pass them on.
  virtual std::optional<IntValues> input_symbols(int i) = 0;
  // The symbol of dimension d of operand i; kUnknownValue where it has none, as in plans.
  virtual std::int64_t dimension_symbol(int /*i*/, int /*d*/) const { return kUnknownValue; }
  template <class T>
  const T& attrs() const {
    return attrs_->get<T>();
  }

  // Outputs are set in order 0, 1, ...; their number is the node's number of outputs.
  void set_output(int i, DType dtype, const Shape& shape);
  const std::vector<TensorInfo>& outputs() const { return outputs_; }

  // Throws InvalidArgument; the caller puts `[Op 'node' at file:line]` in front.
  [[noreturn]] void fail(const std::string& message) const;
  // Frequent checks, all InvalidArgument. `name` is the operand's name in the text.
  void require_rank(int i, int rank, const char* name) const;
  void require_same_dtype(int first_input, int last_input) const;
  void require_floating(int i, const char* name) const;
  // Returns what is known of the one shape that both have.
  Shape require_same_shape(int i, const char* name, int j, const char* other_name) const;

 protected:
  const TensorInfo& input(int i) const;
  std::vector<TensorInfo> inputs_;
  std::vector<TensorInfo> outputs_;
  const Attrs* attrs_ = nullptr;
};

using ShapeFn = void (*)(ShapeContext&);
// The value of output 0, asked for only when some shape depends on it. Inputs' values come from c.input_value(i), shapes from
// c.input_shape(i). Returns nullopt when nothing is known; single unknown elements are kUnknownValue.
using ValueFn = std::optional<IntValues> (*)(ShapeContext& c);

enum class OpKind {
  kCompute,      // runs a kernel
  kPlaceholder,  // must be fed
  kConstant,     // its attribute `value` is its result
  kVariable,     // state of the session; input 0 is the initial value and is evaluated once
  kView,  // output 0 has the bits of input 0 under another shape, where that has as many elements: no kernel runs then
  kNoOp,  // nothing to compute; joins control dependencies
};

enum class Effect {
  kNone,    // a function of its inputs: may be folded, shared, dropped
  kRandom,  // differs from run to run: never shared or folded
  kMutates,  // overwrites the variables that are its first inputs (OpDef::mutable_inputs) and returns input 0's new value
  kExternal,  // prints or checks: never shared, folded or dropped once it is asked for
};

inline constexpr int kDTypeOfOutput = -1;

struct OpDef {
  std::string name = {};                  // as TensorFlow spells it: "Conv2D"
  std::vector<std::string> inputs = {};   // operand names; a last one ending in "..." takes any number: {"values..."}
  std::vector<std::string> outputs = {};  // result names; likewise
  ShapeFn shape = nullptr;
  Attrs attrs = NoAttrs{};   // the defaults; they describe the fields
  std::string summary = {};  // one sentence with the formula
  ValueFn value = nullptr;
  OpKind kind = OpKind::kCompute;
  Effect effect = Effect::kNone;
  // The operand whose dtype selects the kernel, or kDTypeOfOutput for output 0.
  int kernel_dtype = 0;
  // For Effect::kMutates: inputs 0 .. mutable_inputs-1 are variables that the kernel overwrites (an optimiser's slots).
  int mutable_inputs = 1;
  // Inputs whose memory output 0 may take over when nobody needs them any more and the sizes agree (element-wise ops).
  std::vector<int> inplace_inputs = {};
  // Inputs that stay in host memory wherever the op runs: int32 or int64 sizes, axes, begins. Kernels get their values when they are
  // prepared (KernelContext::host_values). The number of the variadic operand means all of it.
  std::vector<int> host_operands = {};
  SourceLocation registered_at = {};  // set by OpRegistry::add

  bool variadic_inputs() const;
  bool variadic_outputs() const;
  bool is_host_operand(std::size_t i) const;
  // How many of the first inputs are variables that are overwritten: mutable_inputs, or 0 where the effect is another.
  std::size_t num_mutated() const { return effect == Effect::kMutates ? static_cast<std::size_t>(mutable_inputs) : 0; }
};

// An OpDef written as a chain, each call naming the field that it sets:
//   registry.add(def("Concat", {"values..."}, {"y"}, concat_shape, "The values one after another along one dimension.")
//                    .attrs(ConcatAttrs{})
//                    .value(concat_value));
class Definition {
 public:
  explicit Definition(OpDef start) : def_(std::move(start)) {}
  Definition& attrs(Attrs defaults) { return set(def_.attrs, std::move(defaults)); }
  Definition& value(ValueFn function) { return set(def_.value, function); }
  Definition& kind(OpKind k) { return set(def_.kind, k); }
  Definition& effect(Effect e) { return set(def_.effect, e); }
  Definition& kernel_dtype(int operand) { return set(def_.kernel_dtype, operand); }
  // Effect::kMutates: the first `count` inputs.
  Definition& mutates(int count = 1) { return effect(Effect::kMutates).set(def_.mutable_inputs, count); }
  Definition& inplace(std::vector<int> inputs) { return set(def_.inplace_inputs, std::move(inputs)); }
  Definition& host(std::vector<int> inputs) { return set(def_.host_operands, std::move(inputs)); }
  operator OpDef() const { return def_; }

 private:
  template <class T>
  Definition& set(T& field, T content) {
    field = std::move(content);
    return *this;
  }
  OpDef def_;
};
inline Definition def(std::string name, std::vector<std::string> inputs, std::vector<std::string> outputs,
                      ShapeFn shape, std::string summary) {
  return Definition({std::move(name), std::move(inputs), std::move(outputs), shape, NoAttrs{}, std::move(summary)});
}

class OpRegistry {
 public:
  // Throws InvalidArgument for a second definition of a name, one without shape function or name, and for fields that speak
  // of operands or results which the op does not have.
  void add(OpDef def, SourceLocation location = SourceLocation::current());
  const OpDef* find(std::string_view name) const;  // nullptr when unknown
  // Throws NotFound with the nearest names.
  const OpDef& get(std::string_view name) const;
  const std::vector<std::unique_ptr<OpDef>>& all() const { return ops_; }

 private:
  std::vector<std::unique_ptr<OpDef>> ops_;
};

// The registries that graphs and sessions use by default, filled on first use with everything this build contains
// (gradus.cc). Register own ops before the first session runs; registration is not synchronised with running sessions.
OpRegistry& op_registry();
KernelRegistry& kernel_registry();
BackendRegistry& backend_registry();

}  // namespace gradus
