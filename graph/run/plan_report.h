// What a compiled plan does, as plain data: what Session::report() returns and Session::explain() prints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gradus/core/dtype.h"
#include "gradus/core/shape.h"
#include "gradus/graph/graph_roles.h"

namespace gradus {

struct PlanReport {
  struct Value {
    DType dtype = DType::kFloat32;
    Shape shape;
    std::size_t bytes = 0;
    std::string place = "";    // "@640" in the arena; "in memory of 'Mul' @640"; "in variable 'v'"; "in feed 'x'"
    std::int64_t offset = -1;  // in the arena of the step's device, in bytes; -1 elsewhere
  };
  // What a plan starts from.
  struct Source {
    enum class Kind { kFed, kVariable, kConstant };
    Kind kind = Kind::kFed;
    std::string name;
    Value value;
    std::string device;  // of variables, and of constants that were copied there; "" for the host
    std::string reason;  // of the placement of variables
    std::size_t packed_bytes =
        0;  // of variables: of the arrangements that kernels of this plan read them in, kept beside them
  };
  // One of the nodes of a step.
  struct Part {
    std::string name, op, file;
    int line = 0;
  };
  struct Step {
    std::string name, op;  // op "Copy" for copies, "BiasAdd+Relu" for nodes that were fused
    std::string file;      // of the user's program, and the line
    int line = 0;
    std::string scope;  // of the forward node; of the first node, where several are fused
    NodeRole role = NodeRole::kForward;
    std::string recomputes;      // the node whose values it computes again (graph/recompute_scope.h), "" for others
    std::string device, reason;  // why there, or why a copy
    std::string kernel;          // what it chose, or its description; empty where nothing runs
    std::size_t scratch_bytes = 0;
    std::vector<std::string> inputs;  // names of the operands, node by node, as Output::name() writes them
    std::vector<Value> results;
    std::vector<Part> nodes;  // all that its kernel computes, first to last; the step is named after the last one
    bool view = false;        // shares its operand's memory: nothing runs
    bool copy = false;        // from another device, or of a variable that is overwritten
    std::int64_t runs = 0;    // that were measured
    double mean_ms = 0;

    std::size_t bytes() const;  // of all results
  };
  // A node without a step: folded, shared, fused into another or joined with it.
  struct Note {
    std::string name, op;
    Value value;
    std::string text;
  };
  struct Memory {
    std::string device;
    std::size_t variables = 0, constants = 0, arena = 0;  // variables with what is packed of them
    std::size_t scratch = 0;                              // within the arena, of the step that has the most

    std::size_t bytes() const { return variables + constants + arena; }
  };

  // Steps that a device has recorded and repeats at once (SessionOptions::record), from their first run on.
  struct Recorded {
    std::string device;
    std::size_t steps = 0;  // without views
    int streams = 1;        // in which they work at the same time
  };

  std::vector<Source> sources;
  std::vector<Step> steps;  // in run order
  std::vector<Recorded> recorded;
  std::string not_recorded;  // why a device gave up; empty where none did
  std::vector<Note> notes;
  std::vector<Memory> memory;
  std::uint64_t runs = 0;
  bool profiled = false;  // times were measured

  double total_ms() const;  // of the steps, per run
};

}  // namespace gradus
