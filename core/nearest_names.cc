#include "gradus/core/nearest_names.h"

#include <algorithm>
#include <tuple>

namespace gradus {
namespace {

// Parts shorter than this are found in too many names.
constexpr std::size_t kShortestPart = 3;

// Letters and digits in lower case: every spelling of a name folds to the same text.
std::string folded(std::string_view name) {
  std::string result;
  for (const char c : name) {
    if (c != '_' && c != '-') result += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  return result;
}

// Levenshtein's distance.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

bool is_part(std::string_view part, std::string_view whole) {
  return part.size() >= kShortestPart && whole.find(part) != std::string_view::npos;
}

}  // namespace

std::vector<std::string> nearest_names(std::string_view wanted, std::span<const std::string> known, std::size_t most) {
  const std::string asked = folded(wanted);
  std::vector<std::tuple<std::size_t, std::size_t, std::string>> ranked;  // letters that count, letters, name
  for (const std::string& name : known) {
    const std::string candidate = folded(name);
    const std::size_t distance = edit_distance(asked, candidate);
    const bool part = is_part(asked, candidate) || is_part(candidate, asked);
    const bool alike = 2 * distance <= std::max(asked.size(), candidate.size());
    if (alike || part) ranked.emplace_back(part ? std::min<std::size_t>(distance, 1) : distance, distance, name);
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> result;
  for (const auto& [counted, distance, name] : ranked) {
    if (result.size() == most) break;
    if (result.empty() || result.back() != name) result.push_back(name);
  }
  return result;
}

std::string did_you_mean(std::string_view wanted, std::span<const std::string> known) {
  std::string text;
  for (const std::string& name : nearest_names(wanted, known)) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "" : "; did you mean " + text + "?";
}

}  // namespace gradus
