// gradus ops, devices and the general form of the command line.
#include <nlohmann/json.hpp>

#include "gradus/graph/op_registry.h"
#include "tests/tools/run_tool.h"

namespace gradus {
namespace {

using nlohmann::json;

class Listing : public ToolTest {};

TEST_F(Listing, OpsShowsEveryRegisteredOp) {
  const ToolResult table = run({"ops"});
  EXPECT_EQ(table.status, 0) << table.err;
  const ToolResult text = run({"ops", "--json"});
  ASSERT_EQ(text.status, 0) << text.err;
  const json all = json::parse(text.out);
  EXPECT_EQ(all.size(), op_registry().all().size());
  for (const json& op : all) {
    const std::string name = op.at("name");
    EXPECT_NE(op_registry().find(name), nullptr) << name;
    EXPECT_NE(table.out.find("\n" + name + " "), std::string::npos) << name;
    EXPECT_TRUE(op.at("gradient").get<bool>() || !op.at("no_gradient_because").get<std::string>().empty()) << name;
  }
}

// One logger for the whole library, silent unless asked.
TEST_F(Listing, TheEnvironmentAsksForALog) {
  const std::vector<std::string> command = {"check", "relu", "--order", "1"};
  const auto err_with = [&](const char* level) {
    ::setenv("GRADUS_LOG", level, 1);
    const std::string err = run(command).err;
    ::unsetenv("GRADUS_LOG");
    return err;
  };
  EXPECT_EQ(run(command).err, "");
  EXPECT_EQ(err_with("warning"), "");
  EXPECT_EQ(err_with("debug").find("gradus debug: compiled a plan of "), 0u);
  EXPECT_EQ(err_with("loud").find("gradus warning: GRADUS_LOG is 'loud'; it may be debug, "), 0u);
}

TEST_F(Listing, OneOpAsJson) {
  const json conv = json::parse(run({"ops", "conv2d", "--json"}).out);
  EXPECT_EQ(conv.at("name"), "Conv2D");
  EXPECT_EQ(conv.at("operands"), json({"input", "filter"}));
  EXPECT_EQ(conv.at("layouts"), json({"NHWC", "NCHW"}));
  EXPECT_EQ(conv.at("orders_checked"), json({1, 2}));
  EXPECT_EQ(conv.at("dtypes").at("ref"), json({"float16", "bfloat16", "float32", "float64"}));
  for (const json& attr : conv.at("attributes")) {
    if (attr.at("name") != "padding") continue;
    EXPECT_EQ(attr.at("values"), json({"SAME", "VALID", "EXPLICIT"}));
  }
}

TEST_F(Listing, OnePageNamesAttributesDTypesAndTheDocumentsSection) {
  const ToolResult page = run({"ops", "conv2d_backprop_input"});
  EXPECT_EQ(page.status, 0);
  for (const char* part : {"Conv2DBackpropInput", "input_sizes, filter, out_backprop", "SAME|VALID|EXPLICIT", "float64",
                           "gradient    yes", "docs/ops/conv2d.md", "## Conv2DBackpropInput"}) {
    EXPECT_NE(page.out.find(part), std::string::npos) << part << "\n" << page.out;
  }
  EXPECT_EQ(page.out.find("## Conv2DBackpropFilter"), std::string::npos);  // its section only
  EXPECT_NE(run({"ops", "argmax"}).out.find("cases, no gradients\n"), std::string::npos);
  expect_refused({"ops", "convd2"}, "NotFound", "did you mean Conv2D");
  expect_refused({"ops", "conv2d", "relu"}, "InvalidArgument", "relu");
}

TEST_F(Listing, BuilderFunctionsNamesAreUnderstood) {
  const std::vector<std::pair<std::string, std::string>> names = {
      {"subtract", "Sub"},
      {"multiply", "Mul"},
      {"divide", "RealDiv"},
      {"negate", "Neg"},
      {"where", "Select"},
      {"reduce_sum", "Sum"},
      {"reduce_mean", "Mean"},
      {"reduce_max", "Max"},
      {"reduce_min", "Min"},
      {"reduce_prod", "Prod"},
      {"argmax", "ArgMax"},
      {"log1p", "Log1p"},
      {"batch_matmul", "BatchMatMul"},
      {"fused_batch_norm", "FusedBatchNorm"},
      {"sparse_softmax_cross_entropy_with_logits", "SparseSoftmaxCrossEntropyWithLogits"}};
  for (const auto& [builder, op] : names) {
    const ToolResult page = run({"ops", builder});
    EXPECT_EQ(page.out.rfind(op + ": ", 0), 0u) << builder << "\n" << page.out << page.err;
  }
}

// Not another device instead, which would be many times slower.
TEST_F(Listing, AnInstructionSetThatIsNotThereIsAnError) {
  const char* const before = std::getenv("GRADUS_ISA");
  const std::string kept = before == nullptr ? "" : before;
  setenv("GRADUS_ISA", "fast", 1);
  expect_refused({"op", "relu", "--x", "-5", "--out", "y.npy"}, "Unavailable",
                 "device 'cpu:0' cannot be used: GRADUS_ISA is 'fast'; this build has ");
  expect_refused({"check", "relu"}, "Unavailable",
                 "device 'cpu:0' cannot be used: GRADUS_ISA is 'fast'; this build has ");
  EXPECT_EQ(run({"op", "relu", "--x", "-5", "--out", "y.npy", "--device", "ref:0"}).status, 0);
  EXPECT_NE(run({"devices"}).out.find("not available: GRADUS_ISA is 'fast'"), std::string::npos);
  before == nullptr ? unsetenv("GRADUS_ISA") : setenv("GRADUS_ISA", kept.c_str(), 1);
}

TEST_F(Listing, DevicesNameWhatIsThereAndWhatIsMissing) {
  const ToolResult result = run({"devices"});
  EXPECT_EQ(result.status, 0) << result.err;
  for (const char* device : {"cpu:0 ", "ref:0 "}) EXPECT_NE(result.out.find(device), std::string::npos) << result.out;
  if (result.out.find("cuda:0 ") == std::string::npos) {
    EXPECT_NE(result.out.find("cuda     not available: "), std::string::npos) << result.out;
  }
  EXPECT_NE(result.out.find("cpu      kernels for "), std::string::npos)
      << "which instruction sets does this build have?\n"
      << result.out;
}

TEST_F(Listing, HelpGoesToStdoutAndSucceeds) {
  const std::vector<std::vector<std::string>> all = {
      {"--help"},          {"op", "--help"},      {"ops", "--help"},
      {"check", "--help"}, {"devices", "--help"}, {"op", "relu", "--help"},
      {"--version"}};
  for (const auto& words : all) {
    const ToolResult result = run(words);
    EXPECT_EQ(result.status, 0) << words.back();
    EXPECT_EQ(result.err, "");
    EXPECT_FALSE(result.out.empty());
  }
}

TEST_F(Listing, EveryOpOffersAnOptionPerOperandAndAttribute) {
  for (const json& op : json::parse(run({"ops", "--json"}).out)) {
    const std::string name = op.at("name");
    const ToolResult help = run({"op", name, "--help"});
    EXPECT_EQ(help.status, 0) << name << help.err;
    std::vector<std::string> fields = op.at("operands");
    for (const json& attr : op.at("attributes")) fields.push_back(attr.at("name"));
    for (std::string field : fields) {
      while (field.back() == '.') field.pop_back();
      for (char& c : field) c = c == '_' ? '-' : c;
      EXPECT_NE(help.out.find("--" + field + " "), std::string::npos) << name << "\n" << help.out;
    }
  }
}

TEST_F(Listing, AFullStandardOutputIsAnError) {
  const int status = std::system((std::string("'") + kProgramFolder + "/gradus' ops >/dev/full 2>/dev/null").c_str());
  EXPECT_EQ(WEXITSTATUS(status), 2);
}

}  // namespace
}  // namespace gradus
