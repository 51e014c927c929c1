// Weights that travel: train in one program, use in another. Page: docs/weights.md.
//
// The weights of a graph are its trainable variables and what the model computes with beside them (batch norm's moving averages:
// the collection kModelVariables), together with the moving averages that nn::ExponentialMovingAverage keeps of them. Optimiser
// slots and counters are not weights: a run that is to go on takes io/checkpoint.h.
//
// Files are named tensors, by the extension of the path: .safetensors or .npz. Names are those of the variables, "conv1/kernel";
// any other program that reads the format can read them, and load_weights() reads any file of that format, checkpoints included.
// All functions may be called from any thread.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "gradus/core/tensor.h"
#include "gradus/graph/run/session.h"

namespace gradus::io {

// What a variable of the graph is called in the file, where that differs. A key that ends in "/", or is empty, stands for all names
// that begin with it, and the beginning is exchanged; any other key is one name. The longest key that fits counts.
//   {{"student/", "teacher/"}}   student/conv1/kernel is read from (or written as) teacher/conv1/kernel
//   {{"", "model/"}}             everything is under model/ in the file
//   {{"head/kernel", "fc.weight"}}
using WeightNames = std::map<std::string, std::string>;

struct SaveWeightsOptions {
  std::string prefix = "";  // only variables whose names begin with it: "encoder/"
  WeightNames names = {};   // names in the file
  bool averaged = false;    // write the moving averages in place of the variables that have one (and not beside them)
};

// Throws InvalidArgument (another extension, no weights at all or none with the prefix, two variables of one name in the file, a key
// of `names` that fits no variable, averaged without averages) and what the writers throw. The values are of one moment, and the
// file is replaced as a whole (core/atomic_file.h).
void save_weights(Session& session, const std::string& path, const SaveWeightsOptions& options = {});

struct LoadWeightsOptions {
  std::string prefix = "";  // load only the variables whose names begin with it; the others keep their values
  WeightNames names = {};   // names in the file
  // Throw when a weight of the graph is missing in the file, or has another shape or dtype there. Without it such weights keep
  // their values, and the report says so.
  bool strict = true;
  bool allow_left_over = true;  // false: throw too when the file holds tensors that no variable takes
  bool convert_dtype = false;   // convert between floating dtypes instead of refusing
  bool averaged = false;  // take the moving average of a variable, "NAME/average", as its value where the file has one
};

struct WeightsReport {
  struct Mismatch {
    std::string name;    // of the variable
    std::string wanted;  // "float32 [3,3,1,8]"
    std::string found;   // likewise
  };
  std::string path;                    // "" for tensors in memory
  std::vector<std::string> loaded;     // variables that were given values
  std::vector<std::string> missing;    // weights of the graph that the file lacks; they kept their values
  std::vector<Mismatch> mismatched;    // shape or dtype differ; they kept their values
  std::vector<std::string> restarted;  // moving averages that the file lacks: they start at their variable's new value
  std::vector<std::string> left_over;  // names in the file that no variable took
  std::int64_t numbers = 0;            // elements loaded

  bool complete() const { return missing.empty() && mismatched.empty(); }
  // A line with the counts, and one for each of the other lists that is not empty.
  std::string to_string() const;
};
std::ostream& operator<<(std::ostream& out, const WeightsReport& report);

// Gives the graph's weights the values that the file has under their names. A moving average that the file lacks starts at the
// loaded value of its variable. Nothing is changed when an error is thrown: NotFound or InvalidArgument for weights that are
// missing or differ (the text lists them, the nearest names of the file, and the option that would help), InvalidArgument for
// what save_weights() refuses as well, and what load_safetensors() and load_npz() throw.
WeightsReport load_weights(Session& session, const std::string& path, const LoadWeightsOptions& options = {});
// The same from tensors in memory.
WeightsReport load_weights(Session& session, const std::map<std::string, Tensor>& tensors,
                           const LoadWeightsOptions& options = {});

}  // namespace gradus::io
