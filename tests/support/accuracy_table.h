// Worst errors in units of the last place, per row (what was computed) and column (where), for float32 and float64: measured,
// printed as the table of a page under docs/ops, and compared with the bounds that the page prints.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "gradus/core/dtype.h"

namespace gradus {

class AccuracyTable {
 public:
  AccuracyTable(std::string title, std::vector<std::string> columns);

  // `where` makes the text that says which point this is; it is called only for the worst so far.
  void record(const std::string& row, std::size_t column, DType dtype, double ulps,
              const std::function<std::string()>& where);

  // Every cell against the table of the page's Markdown that has this title as its first heading; GRADUS_ACCURACY_TABLE=1 in the
  // environment prints what was measured.
  void expect_within_bounds_of(const std::string& page) const;

 private:
  struct Cell {
    double worst[2] = {-1, -1};  // float32, float64; -1: no points
    std::string where[2];
  };
  void print() const;

  std::string title_;
  std::vector<std::string> columns_, row_order_;
  std::map<std::string, std::vector<Cell>> rows_;
};

}  // namespace gradus
