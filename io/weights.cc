#include "gradus/io/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "gradus/core/atomic_file.h"
#include "gradus/core/printable.h"
#include "gradus/io/npy.h"
#include "gradus/io/safetensors.h"
#include "gradus/io/tensor_files.h"
#include "gradus/io/weight_names.h"
#include "gradus/io/weights_report.h"

namespace gradus::io {
namespace {

enum class Format { kSafeTensors, kNpz };

Format format_of(const std::string& path) {
  check_path(path);
  if (path.ends_with(".safetensors")) return Format::kSafeTensors;
  if (path.ends_with(".npz")) return Format::kNpz;
  throw invalid_argument(
      fmt::format("{}: weights are kept in .safetensors or .npz files; this path ends in neither", path));
}

// Averages take the place of their variables, under the variables' names.
std::vector<Weight> averages_instead(const std::vector<Weight>& weights, const std::string& path) {
  std::vector<Weight> result;
  bool any = false;
  for (const Weight& weight : weights) {
    if (!weight.average_of) {
      result.push_back(weight);
    } else if (result.back().variable == *weight.average_of) {
      result.back().variable = weight.variable;
      any = true;
    } else {
      throw invalid_argument(fmt::format(
          "{}: several moving averages are kept of '{}', and averaged = true cannot choose one; it has '{}' and '{}'",
          path, weight.average_of->name(), result.back().variable.name(), weight.name));
    }
  }
  if (!any) {
    throw invalid_argument(fmt::format(
        "{}: averaged = true, but the graph keeps no moving averages (nn::ExponentialMovingAverage)", path));
  }
  return result;
}

bool convertible(const Output& variable, const Tensor& value) {
  return is_floating(variable.dtype()) && is_floating(value.dtype());
}

class Loader {
 public:
  Loader(Session& session, std::string path, const LoadWeightsOptions& options)
      : session_(session),
        options_(options),
        weights_(weights_of(session.graph(), path, options.prefix, options.names)) {
    report_.path = std::move(path);
  }

  // The names in the file that may be needed.
  std::set<std::string> wanted() const {
    std::set<std::string> names;
    for (const Weight& weight : weights_) {
      names.insert(weight.file_name);
      if (options_.averaged && !weight.average_of) names.insert(weight.file_name + kAverageSuffix);
    }
    return names;
  }

  // `others`: names in the file beside `tensors`.
  WeightsReport load(const std::map<std::string, Tensor>& tensors, const std::vector<std::string>& others) {
    for (const Weight& weight : weights_) {
      if (!weight.average_of) take(weight, tensors);
    }
    for (const Weight& weight : weights_) {
      if (weight.average_of) take_average(weight, tensors);
    }
    for (const auto& [name, tensor] : tensors) {
      if (!used_.contains(name)) report_.left_over.push_back(name);
    }
    report_.left_over.insert(report_.left_over.end(), others.begin(), others.end());
    std::sort(report_.left_over.begin(), report_.left_over.end());
    refuse_if_strict();
    session_.set_values(values_);
    return std::move(report_);
  }

 private:
  void take(const Weight& weight, const std::map<std::string, Tensor>& tensors) {
    auto found = tensors.end();
    if (options_.averaged) found = tensors.find(weight.file_name + kAverageSuffix);
    any_average_ = any_average_ || found != tensors.end();
    if (found == tensors.end()) found = tensors.find(weight.file_name);
    if (found == tensors.end()) {
      report_.missing.push_back(weight.name);
      missing_in_file_.push_back(weight.file_name);
    } else {
      take_value(weight, found->first, found->second);
    }
  }

  // One that the file lacks starts anew: at its variable, as it did when it was made.
  void take_average(const Weight& weight, const std::map<std::string, Tensor>& tensors) {
    const auto found = tensors.find(weight.file_name);
    if (found != tensors.end()) return take_value(weight, found->first, found->second);
    const auto start = taken_.find(*weight.average_of);
    if (start == taken_.end()) return;  // its variable keeps its value too
    values_.emplace_back(weight.variable, start->second.cast(weight.variable.dtype()));
    report_.restarted.push_back(weight.name);
  }

  void take_value(const Weight& weight, const std::string& file_name, const Tensor& value) {
    used_.insert(file_name);
    const DType dtype = weight.variable.dtype();
    const bool same_dtype = value.defined() && value.dtype() == dtype;
    const bool converts = value.defined() && options_.convert_dtype && convertible(weight.variable, value);
    if ((!same_dtype && !converts) || !(value.shape() == weight.variable.shape())) {
      report_.mismatched.push_back(
          {weight.name, describe(dtype, weight.variable.shape()),
           value.defined() ? describe(value.dtype(), value.shape()) : "a tensor without value"});
      only_dtypes_differ_ = only_dtypes_differ_ && value.defined() && convertible(weight.variable, value) &&
                            value.shape() == weight.variable.shape();
      return;
    }
    values_.emplace_back(weight.variable, same_dtype ? value : value.cast(dtype));
    taken_.emplace(values_.back());
    report_.loaded.push_back(weight.name);
    report_.numbers += value.num_elements();
  }

  void refuse_if_strict() const {
    if (options_.averaged && !any_average_ && !report_.loaded.empty()) {
      throw not_found(with_path("averaged = true, but the file holds no moving averages (names that end in /average)"));
    }
    if (options_.strict && !report_.complete()) {
      const Code code = report_.missing.empty() ? Code::kInvalidArgument : Code::kNotFound;
      throw Error(code, with_path(why_incomplete(report_, missing_in_file_, only_dtypes_differ_)));
    }
    if (!options_.allow_left_over && !report_.left_over.empty()) {
      throw invalid_argument(with_path(fmt::format(
          "no weight takes {}, and allow_left_over is false; nothing was changed", listed(report_.left_over))));
    }
  }
  std::string with_path(const std::string& text) const {
    return report_.path.empty() ? text : report_.path + ": " + text;
  }

  Session& session_;
  const LoadWeightsOptions& options_;
  std::vector<Weight> weights_;
  std::vector<std::pair<Output, Tensor>> values_;
  std::unordered_map<Output, Tensor> taken_;  // the same, for the averages that start there
  std::vector<std::string> missing_in_file_;  // the names that were looked for
  std::set<std::string> used_;
  bool any_average_ = false;
  bool only_dtypes_differ_ = true;
  WeightsReport report_;
};

}  // namespace

void save_weights(Session& session, const std::string& path, const SaveWeightsOptions& options) {
  const Format format = format_of(path);
  std::vector<Weight> weights = weights_of(session.graph(), path, options.prefix, options.names);
  if (options.averaged) weights = averages_instead(weights, path);
  std::vector<Output> variables;
  for (const Weight& weight : weights) variables.push_back(weight.variable);
  const std::vector<Tensor> values = session.values(variables);
  std::map<std::string, Tensor> tensors;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (tensors.emplace(weights[i].file_name, values[i]).second) continue;
    throw invalid_argument(fmt::format("{}: `names` gives '{}' and another weight the same name '{}'", path,
                                       weights[i].name, printable(weights[i].file_name)));
  }
  if (format == Format::kNpz) return save_npz(path, tensors);
  save_safetensors(path, tensors, {{"format", "gradus-weights"}, {"format_version", "1"}});
}

WeightsReport load_weights(Session& session, const std::string& path, const LoadWeightsOptions& options) {
  const Format format = format_of(path);
  Loader loader(session, path, options);
  const std::set<std::string> names = loader.wanted();
  const auto wanted = [&](const std::string& name) { return names.contains(name); };
  std::vector<std::string> others;
  if (format == Format::kNpz) return loader.load(read_npz_if(path, wanted, &others), others);
  const SafeTensors file = read_safetensors_if(path, wanted, &others);
  return loader.load(file.tensors, others);
}

WeightsReport load_weights(Session& session, const std::map<std::string, Tensor>& tensors,
                           const LoadWeightsOptions& options) {
  return Loader(session, "", options).load(tensors, {});
}

}  // namespace gradus::io
