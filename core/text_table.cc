#include "gradus/core/text_table.h"

#include <fmt/format.h>

#include <algorithm>

namespace gradus {

std::string shortened(std::string_view name, std::size_t width) {
  constexpr std::string_view kGap = "...";
  if (name.size() <= width) return std::string(name);
  const std::size_t kept = width - std::min(width, kGap.size());
  return fmt::format("{}{}{}", name.substr(0, kept - kept / 2), kGap, name.substr(name.size() - kept / 2));
}

std::string with_commas(std::int64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t end = text.size(); end > 3; end -= 3) text.insert(end - 3, 1, ',');
  return text;
}

std::string readable_bytes(std::size_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double size = static_cast<double>(bytes) / 1024;
  const char* const units[] = {"KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; size >= 1023.95 && unit < 3; ++unit) size /= 1024;
  return fmt::format("{:.1f} {}", size, units[unit]);
}

TextTable::TextTable(std::vector<std::string> titles, std::size_t widest) : widest_(widest) {
  for (std::string& title : titles) {
    right_.push_back(title.starts_with('>'));
    if (right_.back()) title.erase(0, 1);
  }
  rows_.push_back(std::move(titles));
}

void TextTable::add(std::vector<std::string> cells) {
  for (std::size_t i = 0; i + 1 < cells.size(); ++i) cells[i] = shortened(cells[i], widest_);
  rows_.push_back(std::move(cells));
}

std::string TextTable::to_string(std::size_t indent) const {
  const std::size_t columns = right_.size();
  std::vector<std::size_t> widths(columns, 0);
  for (std::size_t row = 1; row < rows_.size(); ++row) {
    for (std::size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], rows_[row][i].size());
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line(indent, ' ');
    for (std::size_t i = 0; i < columns; ++i) {
      if (widths[i] == 0) continue;
      const std::size_t width = std::max(widths[i], rows_[0][i].size());
      if (line.size() > indent) line += "  ";
      line += right_[i]         ? fmt::format("{:>{}}", row[i], width)
              : i + 1 < columns ? fmt::format("{:<{}}", row[i], width)
                                : row[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace gradus
