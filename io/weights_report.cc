#include "gradus/io/weights_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "gradus/core/nearest_names.h"
#include "gradus/core/printable.h"
#include "gradus/graph/op_registry.h"
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

}  // namespace

std::string describe(DType dtype, const Shape& shape) {
  return fmt::format("{} {}", dtype_name(dtype), shape.to_string());
}

std::string listed(const std::vector<std::string>& names) { return joined(names, "'"); }

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

std::string WeightsReport::to_string() const {
  const std::size_t all = loaded.size() + missing.size() + mismatched.size();
  std::string text = fmt::format("{}loaded {} of {} weights ({} numbers)", path.empty() ? std::string() : path + ": ",
                                 loaded.size(), all, numbers);
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

}  // namespace gradus::io
