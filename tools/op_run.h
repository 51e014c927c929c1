// Runs one op on tensors: builds the smallest graph that holds it, and a session for that.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gradus/core/conv_algorithm.h"
#include "gradus/graph/op_registry.h"

namespace gradus::tools {

struct OperandValue {
  Tensor value;
  bool lone_integer = false;  // written as one integer: a vector of one element, or a scalar where the op wants one
};

struct OpRun {
  const OpDef* op = nullptr;
  Attrs attrs;
  std::vector<OperandValue> operands;
  std::string device;  // "" for the best one
  int num_threads = 0;
  ConvAlgorithm conv_algorithm = ConvAlgorithm::kAuto;
  std::uint64_t seed = 0;
};

// The op's results in order; none for an op without outputs. `wanted_outputs` files are to be written: when the op
// has another number of outputs, throws InvalidArgument naming them, before anything is computed. Throws what the
// op's shape function, the session and the kernel throw.
std::vector<Tensor> run_op(const OpRun& run, std::size_t wanted_outputs);

// Names of an op's `count` results; a variadic last one gives "outputs:0", "outputs:1", ...
std::vector<std::string> output_names(const OpDef& op, std::size_t count);

}  // namespace gradus::tools
