#include "gradus/io/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <set>
#include <unordered_map>
#include <utility>

#include "gradus/core/atomic_file.h"
#include "gradus/core/nearest_names.h"
#include "gradus/core/printable.h"
#include "gradus/io/npy.h"
#include "gradus/io/safetensors.h"
#include "gradus/io/tensor_files.h"
#include "gradus/io/weight_names.h"

namespace gradus::io {
namespace {

constexpr std::size_t kMostListed = 6;

std::vector<std::string> texts_of(const std::vector<WeightsReport::Mismatch>& mismatched) {
  std::vector<std::string> texts;
  for (const WeightsReport::Mismatch& m : mismatched)
    texts.push_back(fmt::format("{} is {} here, {} in the file", m.name, m.wanted, m.found));
  return texts;
}

std::string joined(const std::vector<std::string>& texts, std::string_view quote) {
  std::string result;
  for (std::size_t i = 0; i < std::min(texts.size(), kMostListed); ++i) {
    result += fmt::format("{}{}{}{}", i == 0 ? "" : ", ", quote, printable(texts[i], 200), quote);
  }
  return texts.size() <= kMostListed ? result : fmt::format("{} and {} more", result, texts.size() - kMostListed);
}

// "float32 [3,3,1,8]"
std::string describe(DType dtype, const Shape& shape) {
  return fmt::format("{} {}", dtype_name(dtype), shape.to_string());
}

// "'a', 'b', 'c' and 12 more"
std::string listed(const std::vector<std::string>& names) { return joined(names, "'"); }

// Which weights are missing or differ, and what to do: nearest names, the rule for `names` that would find them, the options.
// `missing_in_file`: report.missing as they are called in the file.
std::string why_incomplete(const WeightsReport& report, const std::vector<std::string>& missing_in_file,
                           bool only_dtypes_differ) {
  const std::size_t fit = report.loaded.size();
  std::vector<std::string> parts, cures;
  if (!report.missing.empty()) {
    parts.push_back(fmt::format("{} of the graph's weights {} missing: {}", report.missing.size(),
                                report.missing.size() == 1 ? "is" : "are", listed(missing_in_file)));
    const std::string near = did_you_mean(missing_in_file[0], report.left_over);
    if (const auto rule = guess_rule(missing_in_file, report.left_over)) {
      cures.push_back(fmt::format("names = {{{{\"{}\", \"{}\"}}}} would find {}", rule->graph_prefix,
                                  printable(rule->file_prefix), rule->found));
    } else if (!near.empty()) {
      parts.back() += printable(near, 300);
    } else if (!report.left_over.empty()) {
      parts.back() += fmt::format("; the file also holds {}", listed(report.left_over));
    }
  }
  if (!report.mismatched.empty()) {
    parts.push_back(fmt::format("{} differ{}: {}", report.mismatched.size(), report.mismatched.size() == 1 ? "s" : "",
                                joined(texts_of(report.mismatched), "")));
    if (only_dtypes_differ) cures.push_back("convert_dtype = true converts them");
  }
  if (fit > 0) cures.push_back(fmt::format("strict = false loads the {} that fit", fit));
  if (cures.empty()) cures.push_back("Is it the file of another model?");
  return fmt::format("{}; nothing was changed. {}", fmt::join(parts, "; "), fmt::join(cures, "; "));
}

// Else it is a .safetensors file.
bool is_npz(const std::string& path) {
  check_path(path);
  if (path.ends_with(".npz") || path.ends_with(".safetensors")) return path.ends_with(".npz");
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

  // The names in the file that may be needed; at least one.
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
      throw not_found(in_file(report_.path) +
                      "averaged = true, but the file holds no moving averages (names that end in /average)");
    }
    if (options_.strict && !report_.complete()) {
      const Code code = report_.missing.empty() ? Code::kInvalidArgument : Code::kNotFound;
      throw Error(code, in_file(report_.path) + why_incomplete(report_, missing_in_file_, only_dtypes_differ_));
    }
    if (!options_.allow_left_over && !report_.left_over.empty()) {
      throw invalid_argument(fmt::format("{}no weight takes {}, and allow_left_over is false; nothing was changed",
                                         in_file(report_.path), listed(report_.left_over)));
    }
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

std::string WeightsReport::to_string() const {
  const std::size_t all = loaded.size() + missing.size() + mismatched.size();
  std::string text = fmt::format("{}loaded {} of {} weights ({} numbers)", in_file(path), loaded.size(), all, numbers);
  const auto line = [&](const char* what, const std::vector<std::string>& texts) {
    if (!texts.empty()) text += fmt::format("\n  {} {}: {}", texts.size(), what, joined(texts, ""));
  };
  line("missing in the file, kept as they were", missing);
  line("of another shape or dtype, kept as they were", texts_of(mismatched));
  line("moving averages start at their variables", restarted);
  line("left over in the file", left_over);
  return text;
}

std::ostream& operator<<(std::ostream& out, const WeightsReport& report) { return out << report.to_string(); }

void save_weights(Session& session, const std::string& path, const SaveWeightsOptions& options) {
  const bool npz = is_npz(path);
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
  if (npz) return save_npz(path, tensors);
  save_safetensors(path, tensors, {{"format", "gradus-weights"}, {"format_version", "1"}});
}

WeightsReport load_weights(Session& session, const std::string& path, const LoadWeightsOptions& options) {
  const bool npz = is_npz(path);
  Loader loader(session, path, options);
  std::vector<std::string> others;
  if (npz) return loader.load(read_npz(path, loader.wanted(), &others), others);
  return loader.load(read_safetensors(path, loader.wanted(), &others).tensors, others);
}

WeightsReport load_weights(Session& session, const std::map<std::string, Tensor>& tensors,
                           const LoadWeightsOptions& options) {
  return Loader(session, "", options).load(tensors, {});
}

}  // namespace gradus::io
