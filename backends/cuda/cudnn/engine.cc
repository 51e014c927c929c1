#include "gradus/backends/cuda/cudnn/engine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "gradus/backends/cuda/cudnn/library.h"

namespace gradus::cudnn {
namespace {

struct Engine {
  Descriptor configuration;
  std::int64_t number = 0;  // in cuDNN's list of engines for this kind of graph
  std::vector<cudnnBackendNumericalNote_t> numerical = {};
  std::vector<cudnnBackendBehaviorNote_t> behavior = {};

  bool has(cudnnBackendNumericalNote_t note) const {
    return std::find(numerical.begin(), numerical.end(), note) != numerical.end();
  }
  bool has(cudnnBackendBehaviorNote_t note) const {
    return std::find(behavior.begin(), behavior.end(), note) != behavior.end();
  }
};

Engine read_engine(const Descriptor& configuration) {
  Engine e{.configuration = configuration};
  const Descriptor engine =
      configuration.get_descriptors(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR).at(0);
  e.number = engine.get<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX).at(0);
  e.numerical = engine.get<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE);
  e.behavior = engine.get<cudnnBackendBehaviorNote_t>(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE);
  return e;
}

std::vector<Engine> engines_of(const Descriptor& graph, const Descriptor& properties, cudnnBackendHeurMode_t mode) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, properties);
  std::vector<Engine> engines;
  if (!heuristics.try_finalize()) return engines;
  for (const Descriptor& configuration :
       heuristics.get_descriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR)) {
    engines.push_back(read_engine(configuration));
  }
  return engines;
}

// Why an engine may not be taken; nullptr where it may.
const char* objection(const Engine& e, DType dtype, const Policy& policy) {
  if (e.has(CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION)) return "would be compiled when the plan is made";
  // It takes most of a second to load cublasLt, which need not be there.
  if (e.has(CUDNN_BEHAVIOR_NOTE_CUBLASLT_DEPENDENCY)) return "need cublasLt";
  if (policy.deterministic && e.has(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)) return "are not deterministic";
  // Of float32, tensor cores take tf32 alone (float64 is computed there in full).
  if (dtype == DType::kFloat32 && !policy.allow_tf32 &&
      (e.has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE) || e.has(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS))) {
    return "round float32 to tf32";
  }
  if (e.has(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION)) return "add up with less than float32";
  return nullptr;
}

std::string notes_of(const Engine& e, DType dtype) {
  std::string notes = e.has(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) ? "not deterministic" : "deterministic";
  if (e.has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE))
    notes += dtype == DType::kFloat32 ? ", tensor cores (tf32)" : ", tensor cores";
  if (e.has(CUDNN_NUMERICAL_NOTE_FFT)) notes += ", FFT";
  if (e.has(CUDNN_NUMERICAL_NOTE_WINOGRAD)) notes += ", Winograd";
  return notes;
}

}  // namespace

std::vector<Plan> plans_for(const Descriptor& graph, const Descriptor& properties, DType dtype, const Policy& policy,
                            std::size_t most, std::string* why_not) {
  std::vector<Plan> plans;
  std::map<std::string, int> objections;
  int count = 0;
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    for (const Engine& engine : engines_of(graph, properties, mode)) {
      ++count;
      if (const char* text = objection(engine, dtype, policy); text != nullptr) {
        ++objections[text];
        continue;
      }
      Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, engine.configuration);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, properties);
      if (!plan.try_finalize()) {
        ++objections["do not support it after all"];
        continue;
      }
      const auto workspace =
          static_cast<std::size_t>(plan.get<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE).at(0));
      if (workspace > policy.most_workspace) {
        ++objections["need too large a workspace"];
        continue;
      }
      plans.push_back({std::make_shared<const Descriptor>(plan), workspace,
                       fmt::format("cuDNN {} engine {}, workspace {} bytes, {}", find().version, engine.number,
                                   workspace, notes_of(engine, dtype))});
      if (plans.size() == most) return plans;
    }
    // What is left would be slower by far: those of the fallback are for graphs that have no others.
    if (!plans.empty()) return plans;
  }
  std::vector<std::string> texts;
  for (const auto& [text, engines] : objections) texts.push_back(fmt::format("{} {}", engines, text));
  *why_not = count == 0 ? "cuDNN has no engine for it"
                        : fmt::format("none of cuDNN's {} engines fits: {}", count, fmt::join(texts, ", "));
  return plans;
}

std::string json_of(const Descriptor& plan) {
  const std::vector<char> text = plan.get<char>(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
  return {text.begin(), std::find(text.begin(), text.end(), '\0')};
}

}  // namespace gradus::cudnn
