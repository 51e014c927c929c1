// cuDNN's engines for a graph of operations, and which of them may be taken.
#pragma once

#include <string>
#include <vector>

#include "gradus/backends/cuda/cudnn/cudnn.h"
#include "gradus/backends/cuda/cudnn/descriptor.h"

namespace gradus::cudnn {

// Finalised plans, best first as cuDNN's heuristics have it, at most `most`, for the device of these properties. Where there is none,
// `why_not` says what was found: "none of cuDNN's 12 engines fits: 2 are not deterministic, 10 round float32 to tf32".
std::vector<Plan> plans_for(const Descriptor& graph, const Descriptor& properties, DType dtype, const Policy& policy,
                            std::size_t most, std::string* why_not);

// The plan in JSON: the graph with every tensor's sizes, strides and number, the engine and its knobs.
std::string json_of(const Descriptor& plan);

}  // namespace gradus::cudnn
