// Columns that stay aligned whatever the names are. Internal to the library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// "gradients/resnet20/st...nv/Conv2DBackpropFilter": as much of both ends as fits.
std::string shortened(std::string_view name, std::size_t width);

// "123,456".
std::string with_commas(std::int64_t number);
// "512 B", "1.2 KiB", "45.7 MiB".
std::string readable_bytes(std::size_t bytes);

class TextTable {
 public:
  // A title per column; those that start with '>' are aligned to the right. The last column is never padded or shortened, the others
  // are at most `widest` characters wide.
  explicit TextTable(std::vector<std::string> titles, std::size_t widest = 72);

  // As many cells as titles.
  void add(std::vector<std::string> cells);
  // Every line ends with a newline; each is indented by `indent`. Columns without any text are left out.
  std::string to_string(std::size_t indent = 0) const;

 private:
  std::size_t widest_;
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;  // the first are the titles
};

}  // namespace gradus
