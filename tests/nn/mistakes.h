// Calls of nn's builders that cannot be meant, and what an error must say about them.
#pragma once

#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "gradus/core/function_ref.h"

namespace gradus::nn {

inline const double kNaN = std::nan("");
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

// `call` throws, and the text begins with "[place", where the place is "nn::dense 'fc'" or the like, has the line of the call in
// this file, and holds every part. With `untouched`, that graph has no more nodes than before.
inline void refused(const std::string& place, const std::vector<std::string>& parts, FunctionRef<void()> call,
                    const Graph* untouched = nullptr, Code code = Code::kInvalidArgument,
                    SourceLocation here = SourceLocation::current()) {
  const std::string path = here.file, file = path.substr(path.rfind('/') + 1) + ":";
  const int nodes = untouched == nullptr ? 0 : untouched->num_nodes();
  try {
    call();
    ADD_FAILURE_AT(here.file, here.line) << "no error";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(error.code(), code) << here.line << ": " << error.full_text();
    EXPECT_EQ(text.find("[" + place + " at " + file), 0U) << here.line << ": " << text;
    const std::size_t at = text.find(file);
    const int line = at == std::string::npos ? 0 : std::atoi(text.c_str() + at + file.size());
    EXPECT_GE(line, here.line) << text;
    EXPECT_LE(line, here.line + 8) << text;
    for (const std::string& part : parts) {
      EXPECT_NE(text.find(part), std::string::npos) << here.line << ": '" << part << "' is not in: " << text;
    }
  }
  if (untouched != nullptr) {
    EXPECT_EQ(untouched->num_nodes(), nodes) << here.line;
  }
}

class Mistakes : public ::testing::Test {
 protected:
  Graph graph, other;
  Output none;
  Output images = placeholder(graph, DType::kFloat32, {-1, 9, 8, 4}, "images");
  Output bytes = placeholder(graph, DType::kUInt8, {-1, 9, 8, 4}, "bytes");
  Output open = placeholder(graph, DType::kFloat32, {-1, 9, 8, -1}, "open");
  Output rows = placeholder(graph, DType::kFloat32, {-1, 12}, "rows");
  Output labels = placeholder(graph, DType::kInt32, {-1}, "labels");
  Output step = placeholder(graph, DType::kInt64, {}, "step");
  Output foreign = placeholder(other, DType::kFloat32, {-1, 12}, "foreign");
};

}  // namespace gradus::nn
