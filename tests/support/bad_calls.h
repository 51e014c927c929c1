// Tables of calls with bad arguments, for errors that name the op, the line of the call, the value and what would be right.
#pragma once

#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace gradus {

struct BadCall {
  std::string op, part;
  std::function<void()> call;
  int line;
};
// A row: the op, a part of the text, and the call. A macro for the sake of the line.
#define BAD_CALL(op, part, ...)                      \
  BadCall {                                          \
    op, part, [&] { (void)(__VA_ARGS__); }, __LINE__ \
  }

// Each call throws "[Relu 'act' at <the caller's file>:31] ..." with the line of its row, and the part.
inline void expect_refused(const std::vector<BadCall>& rows, SourceLocation location = SourceLocation::current()) {
  std::string file = file_and_line(location);
  file = "' at " + file.substr(0, file.find(':')) + ":";
  for (const BadCall& row : rows) {
    SCOPED_TRACE("row at line " + std::to_string(row.line));
    try {
      row.call();
      ADD_FAILURE() << row.op << " accepted it";
    } catch (const Error& error) {
      const std::string text = error.what();
      EXPECT_EQ(text.rfind("[" + row.op + " '", 0), 0u) << text;
      EXPECT_NE(text.find(row.part), std::string::npos) << text << "\nlacks " << row.part;
      const std::size_t at = text.find(file);
      ASSERT_NE(at, std::string::npos) << text;
      const int line = std::stoi(text.substr(at + file.size()));
      EXPECT_GE(line, row.line) << text;
      EXPECT_LE(line, row.line + 3) << text;
    } catch (const std::exception& error) {
      ADD_FAILURE() << row.op << " throws " << error.what() << ", which is no gradus::Error";
    }
  }
}

class BadArguments : public testing::Test {
 protected:
  Output input(const Shape& shape, DType dtype = DType::kFloat32) { return placeholder(graph, dtype, shape); }
  Graph graph, other;
  const Output none = Output();
  const Output x = input({2, 3}), v = input({3}), s = input({}), image = input({2, 8, 8, 3}),
               i = input({2}, DType::kInt32), b = input({2, 3}, DType::kBool), n = input({2, 3}, DType::kInt32);
  const Output stranger = placeholder(other, DType::kFloat32, {2, 3}, "stranger");
};

}  // namespace gradus
