// Collections that say which variables make up a model: what io::save_weights() writes and io::load_weights() reads. (Those of
// training are in graph/graph.h.)
#pragma once

#include <string>

#include "gradus/graph/output.h"

namespace gradus {

// Variables that computing the model needs, trained or not: weights, and statistics such as batch norm's moving averages; no
// optimiser's slots, no counters. nn::get_variable() adds what it makes; add a variable of your own with
// graph.add_to_collection(kModelVariables, v) unless it is trainable, which makes it a weight already.
inline constexpr const char* kModelVariables = "model_variables";

// Where the moving averages of a variable are, in the order in which they were made (nn::ExponentialMovingAverage).
inline std::string moving_averages_of(const Output& variable) { return "moving_averages_of:" + variable.name(); }

}  // namespace gradus
