// Kernels: how one op computes on one device type. The contract:
//   - Outputs are preallocated, uninitialised, and must be fully overwritten. Kernels never allocate outputs, never accumulate.
//   - All shapes are concrete and were checked by the op's shape function.
//   - Operands that the op declares as host operands (OpDef::host_operands: sizes, axes, begins) have no memory that a kernel could
//     read, wherever it runs: prepare() gets their values by host_values().
//   - An output may share memory with an input only where the op's definition declares it (OpDef::inplace_inputs).
//   - prepare() runs once per plan (choose an algorithm, ask for scratch); compute() runs once per step and allocates no tensors. Where
//     host operands are only known while the plan runs, prepare() is called again, with them, before every compute().
//   - Results do not depend on the number of threads: split work by shape (see ThreadPool), add partial sums in a fixed order.
//
// A kernel computes one node, or several in one pass (KernelRegistry::add_fused, add_batched). Node by node, it then finds the
// attributes by attrs<T>(node), the operands by operand(node, i) and the results by result(node, i); what one node passes on to the
// next has no memory. The bits are those of one node after the other, unless the backend's documentation says otherwise (cuDNN rounds
// halves once for all of them).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/core/attrs.h"
#include "gradus/core/device.h"
#include "gradus/core/dtype.h"
#include "gradus/core/source_location.h"
#include "gradus/core/tensor.h"

namespace gradus {

class PhiloxStream;
struct KernelDef;

// In KernelNode: no input or output of the kernel, but a value that one node passes on to the next.
inline constexpr int kPassedOn = -1;

// A variable to be packed: read from `from`, which lies in the device's memory as `to` does.
struct PackItem {
  const Tensor* from;
  void* to;
};
// Arranges variables as kernels like to read them, any number at once, ordered like a kernel. All that it needs to know follows from the
// tensors: what is packed by one function in the same number of bytes is the same.
using PackFn = void (*)(Device&, std::span<const PackItem>);

// One of the nodes that a kernel computes.
struct KernelNode {
  const Attrs* attrs = nullptr;
  // Which of the kernel's inputs each operand is, and which of its outputs each result, or kPassedOn. Both are empty where the kernel
  // computes this node alone: operand i is input i, and result i is output i.
  std::vector<int> operands = {};
  std::vector<int> results = {};
  std::string where = {};  // "[Conv2D 'block1/conv' at train.cc:31]"; empty where the kernel computes this node alone
};

// What a kernel sees of its node, or of its nodes, both when prepared and when run.
class KernelContext {
 public:
  int num_inputs() const { return static_cast<int>(inputs_.size()); }
  int num_outputs() const { return static_cast<int>(outputs_.size()); }
  // All throw InvalidArgument, with where() in front, for an operand or result that the node does not have.
  const Tensor& input(int i) const { return *inputs_[checked(i, inputs_.size(), "input")]; }
  Tensor& output(int i) { return outputs_[checked(i, outputs_.size(), "output")]; }
  const Tensor& output(int i) const { return outputs_[checked(i, outputs_.size(), "output")]; }
  // The variable's memory behind input i, of ops that are declared to mutate it (assign: 0; Adam: 0 to 2).
  Tensor& mutable_input(int i) { return const_cast<Tensor&>(input(i)); }

  // The attributes of the kernel's only node, or of one of several, counted from 0. Throws as input() does.
  template <class T>
  const T& attrs(int node = 0) const {
    return node_at(node).attrs->get<T>();
  }

  // Kernels of several nodes: how many there are, first to last.
  int num_nodes() const { return static_cast<int>(nodes_.size()); }
  int num_operands(int node) const {
    return node_at(node).operands.empty() ? num_inputs() : static_cast<int>(node_at(node).operands.size());
  }
  // Whether operand i of a node is the first result of the node before it, which has no memory.
  bool is_passed_on(int node, int i) const { return index_of_operand(node, i) == kPassedOn; }
  // Operand i, or result i, of a node. Throw InvalidArgument for one that the node does not have or that is passed on.
  const Tensor& operand(int node, int i) const { return input(index_of_operand(node, i)); }
  Tensor& mutable_operand(int node, int i) { return mutable_input(index_of_operand(node, i)); }
  Tensor& result(int node, int i) { return output(index_of_result(node, i)); }

  // prepare() only: whether the values of host operands are known, and those of operand i, an int32 or int64 tensor, in row-major
  // order. Throws InvalidArgument for an operand that is none.
  bool knows_host_values() const { return knows_host_values_; }
  std::span<const std::int64_t> host_values(int i) const;

  // The definition by which this kernel was found: one function may serve several ops.
  const KernelDef& kernel() const { return *kernel_; }
  Device& device() { return *device_; }
  // Splits work over the device's threads; runs inline where the device has none.
  void parallel_for(std::int64_t total, std::int64_t chunk, FunctionRef<void(std::int64_t, std::int64_t)> body);
  // body(begin, end, worker), worker < num_workers().
  void parallel_for_worker(std::int64_t total, std::int64_t chunk,
                           FunctionRef<void(std::int64_t, std::int64_t, int)> body);
  int num_workers() const;

  // prepare() only: asks for `bytes` of scratch memory, which is the kernel's own from the beginning of each compute() to its end,
  // with undefined contents. Where prepare() is called again in a run, it may not ask for more than the first time.
  void request_scratch(std::size_t bytes) { scratch_bytes_ = bytes; }
  // compute() only: the scratch memory, 64-byte aligned.
  template <class T>
  T* scratch() {
    return static_cast<T*>(scratch_);
  }

  // prepare() only: asks for input i packed by `pack`, in `bytes` bytes; of several requests for an input the last one counts. Granted (true)
  // where the input is a variable as it was before the run, and not one that the op overwrites: then it is packed once per change of the variable, for all kernels of the session that ask for the same, and kept beside the
  // variable; compute() finds it as packed(i). Otherwise the kernel arranges the input itself, in scratch memory, say.
  bool request_packed(int i, PackFn pack, std::size_t bytes);
  // nullptr where the last request was not granted.
  const void* packed(int i) const;

  // prepare() only: what was chosen, for explain ("depthwise, 8 channels at a time"), in place of KernelDef::description.
  void chose(std::string text) { choice_ = std::move(text); }
  const std::string& choice() const { return choice_; }

  // Whatever prepare() wants to keep for compute().
  std::shared_ptr<void> state;
  // The same for one value of type T, which takes the place of an earlier one.
  template <class T>
  void keep(T value) {
    if (state == nullptr) state = std::make_shared<T>();
    *static_cast<T*>(state.get()) = std::move(value);
  }
  // Throws InvalidArgument where nothing was kept.
  template <class T>
  const T& kept() const {
    if (state == nullptr) fail_not_kept();
    return *static_cast<const T*>(state.get());
  }

  // Random ops: the stream of this node in this run (include gradus/core/philox.h). Same session seed, node and run
  // number: same bits on every device. For kernels that run where the host's pointers hold; others read *run_number().
  PhiloxStream random() const;
  // The number of the run, in the device's memory, so that the same launches may be repeated for another run.
  const std::uint64_t* run_number() const { return run_number_; }

  // "[Conv2D 'block1/conv' at train.cc:31]", for errors found while running. Of several nodes it names all, of many the first.
  const std::string& where() const { return *where_; }
  // Of one of several nodes.
  const std::string& where(int node) const;
  // InvalidArgument / OutOfRange with where() in front; where one node of several is to blame, with its place.
  [[noreturn]] void fail(Code code, const std::string& message) const;
  [[noreturn]] void fail(int node, Code code, const std::string& message) const;
  // The error's text, with where() in front unless it begins with the place of one of the nodes.
  std::string located(std::string_view text) const;

  // Filled by the plan (and by tests that call kernels directly).
  std::vector<const Tensor*> inputs_;
  std::vector<Tensor> outputs_;
  std::vector<KernelNode> nodes_;
  const KernelDef* kernel_ = nullptr;
  Device* device_ = nullptr;
  const std::string* where_ = nullptr;
  void* scratch_ = nullptr;
  std::size_t scratch_bytes_ = 0;
  std::uint64_t random_seed_ = 0;
  const std::uint64_t* run_number_ = nullptr;
  bool knows_host_values_ = false;
  std::map<int, std::vector<std::int64_t>> host_values_;  // by operand
  struct PackedInput {
    int input;
    PackFn pack;
    std::size_t bytes;
    const void* memory;
    bool is_granted;  // by the last request
  };
  std::vector<PackedInput> packed_inputs_;
  std::vector<bool> may_be_packed_;  // per input, while the plan is made; empty: none

 private:
  std::size_t checked(int i, std::size_t count, const char* what) const {
    if (i < 0 || static_cast<std::size_t>(i) >= count) fail_index(i, count, what);
    return static_cast<std::size_t>(i);
  }
  [[noreturn]] void fail_not_kept() const;
  [[noreturn]] void fail_index(int i, std::size_t count, const char* what) const;
  const KernelNode& node_at(int i) const { return nodes_[checked(i, nodes_.size(), "node")]; }
  int index_of_operand(int node, int i) const { return index_in(node_at(node).operands, i, "operand"); }
  int index_of_result(int node, int i) const { return index_in(node_at(node).results, i, "result"); }
  int index_in(const std::vector<int>& indices, int i, const char* what) const {
    return indices.empty() ? i : indices[checked(i, indices.size(), what)];
  }
  std::string choice_;
};

using KernelFn = void (*)(KernelContext&);

// By which operand an op of a chain takes the value that the op before passes on; with kAnyOfEqualShapes by any one, where all operands
// have the shape of the result, so that nothing is broadcast.
enum JointOperand { kFirstOperand, kAnyOperand, kAnyOfEqualShapes };

// One op of a chain that a kernel computes in one pass.
struct FusedOp {
  FusedOp(const char* name, JointOperand operand = kFirstOperand)  // NOLINT: so that {"BiasAdd", "Relu"} is a chain
      : op(name), joint(operand) {}
  std::string op;
  JointOperand joint;
};

struct KernelDef {
  std::string op;           // "Conv2D"; of a chain "BiasAdd+Relu"
  std::string device_type;  // "cpu"
  DTypeSet dtypes;          // of the operand that OpDef::kernel_dtype names; for a chain, of what is passed on
  KernelFn compute = nullptr;
  KernelFn prepare = nullptr;       // optional
  std::string description = "";     // optional; shown by explain, e.g. "im2col + GEMM"
  std::vector<FusedOp> chain = {};  // only of add_fused
};

class KernelRegistry {
 public:
  // Throws InvalidArgument when op, device and one of the dtypes are registered already, for a kernel without a function or dtype, and
  // for a name that is empty or, of a device type, none ("cpu:0").
  const KernelDef& add(KernelDef def, SourceLocation location = SourceLocation::current());
  void add(std::string op, std::string device_type, DTypeSet dtypes, KernelFn compute, KernelFn prepare = nullptr,
           SourceLocation location = SourceLocation::current()) {
    add(KernelDef{std::move(op), std::move(device_type), dtypes, compute, prepare, ""}, location);
  }
  // A kernel for a chain of nodes, each the only one to use the first result of the one before:
  //   kernels.add_fused({"Conv2D", "BiasAdd", "Relu"}, "cuda", kFloating, conv_bias_relu, prepare_conv_bias_relu);
  //   kernels.add_fused({"FusedBatchNorm", {"Add", kAnyOperand}, "Relu"}, ...);
  // Inputs are the operands of the first node, then of each further node those that come from elsewhere; outputs are the results of the
  // last node, then of each one before those that are not passed on. The kernel may write over what the first node may write over
  // (OpDef::inplace_inputs). The engine fuses where the values have `dtypes`, and of overlapping chains the longest. Ops that
  // change variables, and views, are never part of one. Throws InvalidArgument for a chain of fewer than two ops, and as add() does.
  const KernelDef& add_fused(std::vector<FusedOp> chain, std::string device_type, DTypeSet dtypes, KernelFn compute,
                             KernelFn prepare = nullptr, SourceLocation location = SourceLocation::current());
  // A kernel for any number of nodes of one op that overwrite variables (ApplyMomentum), each its own, with equal attributes, which do
  // not depend on each other. Inputs are the variables of all nodes, then their other operands; outputs are the nodes' results.
  const KernelDef& add_batched(std::string op, std::string device_type, DTypeSet dtypes, KernelFn compute,
                               KernelFn prepare = nullptr, SourceLocation location = SourceLocation::current());
  // Says why an op never gets a kernel on a device type; the session then places it on the best of the other devices
  // that has a kernel and shows the reason; one that changes a variable, which cannot move, is an error.
  void add_cpu_only(const std::string& op, const std::string& device_type, const std::string& reason);

  // nullptr when there is none.
  const KernelDef* find(const std::string& op, const std::string& device_type, DType dtype) const;
  const KernelDef* find_batched(const std::string& op, const std::string& device_type, DType dtype) const;
  // Of chains, on all device types.
  const std::vector<std::unique_ptr<KernelDef>>& fused() const { return fused_; }
  const std::string* cpu_only_reason(const std::string& op, const std::string& device_type) const;
  std::vector<const KernelDef*> for_op(const std::string& op) const;
  std::vector<const KernelDef*> of_device(const std::string& device_type) const;
  // The names that have kernels, each once.
  std::vector<std::string> ops() const;
  // "ref: float16, float32; cpu: float32" or "none", for error texts.
  std::string describe(const std::string& op) const;

 private:
  struct CpuOnly {
    std::string op, device_type, reason;
  };
  using Kernels = std::vector<std::unique_ptr<KernelDef>>;
  static const KernelDef& add_to(Kernels& kernels, KernelDef def, const char* function, SourceLocation location);
  static const KernelDef* find_in(const Kernels& kernels, const std::string& op, const std::string& device_type,
                                  DType dtype);

  Kernels kernels_, fused_, batched_;  // of one node, of a chain, of any number of nodes
  std::vector<CpuOnly> cpu_only_;
};

}  // namespace gradus
