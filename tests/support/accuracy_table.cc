#include "tests/support/accuracy_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace gradus {
namespace {

// "| a | b |" as {"a", "b"}.
std::vector<std::string> split_row(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream stream(line);
  std::string cell;
  std::getline(stream, cell, '|');
  while (std::getline(stream, cell, '|')) {
    const std::size_t first = cell.find_first_not_of(' '), last = cell.find_last_not_of(' ');
    cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
  }
  return cells;
}

// The bound of a cell that reads "0.5 / 1", or of one that reads "0.5", for both dtypes; -1 for "-".
double bound(const std::string& cell, bool second) {
  const std::size_t slash = cell.find('/');
  const std::string text = slash == std::string::npos ? cell : second ? cell.substr(slash + 1) : cell.substr(0, slash);
  return text.find_first_of("0123456789") == std::string::npos ? -1 : std::stod(text);
}

// A bound has room for other instruction sets: the next half above the measured, and a tenth of it.
std::string suggested(double worst) {
  if (worst < 0) return "-";
  if (worst == 0) return "0";
  if (std::isinf(worst)) return "inf";
  const double rounded = std::ceil(worst * 1.1 * 2 + 0.2) / 2;
  return worst <= 0.5001 ? "0.5" : fmt::format("{}", rounded < 10 ? rounded : std::ceil(rounded));
}

}  // namespace

AccuracyTable::AccuracyTable(std::string title, std::vector<std::string> columns)
    : title_(std::move(title)), columns_(std::move(columns)) {}

void AccuracyTable::record(const std::string& row, std::size_t column, DType dtype, double ulps,
                           const std::function<std::string()>& where) {
  auto [found, is_new] = rows_.try_emplace(row, columns_.size());
  if (is_new) row_order_.push_back(row);
  Cell& cell = found->second[column];
  const std::size_t i = dtype == DType::kFloat32 ? 0 : 1;
  if (!(ulps > cell.worst[i])) return;
  cell.worst[i] = ulps;
  cell.where[i] = where();
}

void AccuracyTable::print() const {
  std::string text = fmt::format("| {} |", title_), rule = "| --- |";
  for (const std::string& column : columns_) {
    text += " " + column + " |";
    rule += " --- |";
  }
  fmt::print("{}\n{}\n", text, rule);
  for (const std::string& row : row_order_) {
    fmt::print("| {} |", row);
    for (const Cell& c : rows_.at(row)) fmt::print(" {} / {} |", suggested(c.worst[0]), suggested(c.worst[1]));
    fmt::print("\n");
  }
  for (const std::string& row : row_order_) {
    for (std::size_t k = 0; k < columns_.size(); ++k) {
      const Cell& c = rows_.at(row)[k];
      fmt::print("{}, {}: {:.3g} at {}; {:.3g} at {}\n", row, columns_[k], c.worst[0], c.where[0], c.worst[1],
                 c.where[1]);
    }
  }
}

void AccuracyTable::expect_within_bounds_of(const std::string& page) const {
  if (std::getenv("GRADUS_ACCURACY_TABLE") != nullptr) print();
  std::ifstream file(page);
  std::map<std::string, std::vector<std::string>> printed;
  std::string line;
  bool inside = false;
  while (std::getline(file, line)) {
    const std::vector<std::string> cells = split_row(line);
    inside = !cells.empty() && (inside || cells[0] == title_);
    if (inside) printed[cells[0]] = cells;
  }
  for (const std::string& row : row_order_) {
    const std::vector<std::string>& bounds = printed[row];
    if (bounds.size() != columns_.size() + 1) {
      ADD_FAILURE() << page << " has no row '" << row << "' of " << columns_.size() << " bounds below '" << title_
                    << "'";
      continue;
    }
    for (std::size_t k = 0; k < columns_.size(); ++k) {
      const Cell& cell = rows_.at(row)[k];
      for (const bool second : {false, true}) {
        EXPECT_LE(cell.worst[second], bound(bounds[k + 1], second) + 1e-3)  // halfway between two numbers, and a little
            << row << ", " << columns_[k] << (second ? ", float64" : ", float32") << " at " << cell.where[second];
      }
    }
  }
}

}  // namespace gradus
