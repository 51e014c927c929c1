// Runs op cases: builds a case's graph, computes it on a device, checks its gradients. Used by the op harness
// (tests/ops) and by `gradus check`.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "cases/op_case.h"
#include "gradus/autodiff/check/check_gradients.h"
#include "gradus/graph/run/session.h"

namespace gradus::cases {

// The value of an operand, in float64 where it is real. The same seed gives the same values.
Tensor operand_value(const Operand& operand, std::uint64_t seed);
std::vector<Tensor> drawn_operands(const OpCase& op_case, std::uint64_t seed);
// Real ones rounded to `dtype` and kept in it.
std::vector<Tensor> operands_in(const OpCase& op_case, const std::vector<Tensor>& drawn, DType dtype);
// Of all operands; real ones are rounded to `dtype` and kept in it.
std::vector<Tensor> operand_values(const OpCase& op_case, DType dtype, std::uint64_t seed);
// Values that were rounded to some dtype, in float64, as the reference takes them.
std::vector<Tensor> in_float64(const OpCase& op_case, const std::vector<Tensor>& values);
// Calls use(dtype, values) for each dtype of the case: the same numbers, drawn once.
template <class Use>
void for_each_dtype(const OpCase& op_case, std::uint64_t seed, Use use) {
  const std::vector<Tensor> drawn = drawn_operands(op_case, seed);
  for (const DType dtype : op_case.dtypes) use(dtype, operands_in(op_case, drawn, dtype));
}

struct BuildOptions {
  // Every operand becomes a placeholder, and every dimension of it unknown, so that shapes are found when the plan is
  // made. (Otherwise: real operands are placeholders of known shape, the others constants.)
  bool unknown_shapes = false;
};

// The graph of a case for given operand values. Operands that the op overwrites are variables.
struct CaseGraph {
  explicit CaseGraph(const OpCase& op_case, const std::vector<Tensor>& values, const BuildOptions& options = {});
  Graph graph;
  std::vector<Output> operands;
  std::vector<Output> reals;  // the floating ones that may be differentiated
  std::vector<Output> outputs;
  Feeds feeds;
};

// All outputs of the case on one device.
std::vector<Tensor> run_case(const OpCase& op_case, const std::vector<Tensor>& values, const SessionOptions& session,
                             const BuildOptions& options = {});

// Empty when the results agree with the reference (computed in float64) within the case's tolerance for `dtype`;
// otherwise what differs most. Integer and bool results must be equal.
std::string compare_with_reference(const OpCase& op_case, DType dtype, const std::vector<Tensor>& results,
                                   const std::vector<Tensor>& reference);

// The order to which a case is checked: 0 where the op has no gradient by its nature, or no real operand.
int order_of(const OpCase& op_case, int wanted = 2);
// Checks every floating output with respect to every real operand, in float64.
GradientReport check_case(const OpCase& op_case, int order, const std::string& device = "");

// --- `gradus check` ---

struct CaseCheck {
  std::string op, name;
  int order = 0;  // the highest that was checked; 0: there is no gradient to check
  bool ok = false;
  std::string note;  // why the order is lower than asked for, or the error that ended the check
  GradientReport report;
};

struct CheckRequest {
  std::vector<std::string> ops = {};  // names as registered or in snake_case; empty means all
  int order = 2;
  std::string device = "";
};

// Throws NotFound for a name that has neither cases nor a reason to have none, listing the nearest. `progress`, where given, gets a line per case.
std::vector<CaseCheck> check_cases(const std::vector<OpCase>& cases, const CheckRequest& request,
                                   std::ostream* progress = nullptr);
// A row for each op asked for that has no case because it has nothing to differentiate (placeholders, variables).
std::vector<CaseCheck> ops_without_cases(const std::vector<OpCase>& cases, const CheckRequest& request);
bool all_ok(const std::vector<CaseCheck>& checks);
// A line per op; failed cases with their reports.
std::string checks_to_text(const std::vector<CaseCheck>& checks);
std::string checks_to_json(const std::vector<CaseCheck>& checks);

}  // namespace gradus::cases
