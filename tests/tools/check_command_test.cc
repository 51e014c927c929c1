// gradus check. The checker itself, with planted wrong gradients, is tested in tests/autodiff; here: what the command
// does with it.
#include <nlohmann/json.hpp>

#include "tests/tools/run_tool.h"

namespace gradus {
namespace {

class CheckCommand : public ToolTest {};

TEST_F(CheckCommand, PassesForOneOpAndWritesItsReport) {
  const ToolResult result = run({"check", "matmul", "--order", "2", "--json", "report.json"});
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_NE(result.out.find("pass MatMul"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find(" 0 failed"), std::string::npos) << result.out;
  const nlohmann::json report = nlohmann::json::parse(content(path("report.json")));
  EXPECT_TRUE(report.at("ok").get<bool>());
  EXPECT_FALSE(report.at("cases").empty());
  for (const auto& c : report.at("cases")) EXPECT_EQ(c.at("op"), "MatMul");
}

TEST_F(CheckCommand, AnOpWithoutGradientSaysWhy) {
  const ToolResult result = run({"check", "stop_gradient", "relu", "--order", "1"});
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_NE(result.out.find("none StopGradient"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("pass Relu"), std::string::npos) << result.out;
}

TEST_F(CheckCommand, AnOpWithoutCasesSaysWhyToo) {
  const ToolResult result = run({"check", "variable"});
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_NE(result.out.find("none Variable"), std::string::npos) << result.out;
}

TEST_F(CheckCommand, HigherOrdersAreCheckedToo) {
  const ToolResult result = run({"check", "sigmoid", "--order", "3"});
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_NE(result.out.find(" order 3,"), std::string::npos) << result.out;
}

TEST_F(CheckCommand, BadUse) {
  expect_refused({"check", "matmull"}, "NotFound", "did you mean MatMul");
  expect_refused({"check", "matmul", "--order", "0"}, "InvalidArgument",
                 "--order takes an integer from 1 to 4; got '0'");
  expect_refused({"check", "matmul", "--order", "two"}, "InvalidArgument", "got 'two'");
  expect_refused({"check", "matmul", "--device", "cpu:9"}, "NotFound", "cpu:9");
  expect_refused({"check", "matmul", "--json", "nowhere/report.json"}, "InvalidArgument", "no directory 'nowhere'");
  expect_refused({"check", "matmul", "--bad"}, "InvalidArgument", "--bad");
}

}  // namespace
}  // namespace gradus
