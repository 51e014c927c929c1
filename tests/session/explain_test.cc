// The text of Session::explain: a summary that adds up, a list that is not too long, columns that stay aligned.
#include <gradus/gradus.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <regex>
#include <sstream>

#include "tests/support/expect_error.h"

namespace gradus {
namespace {

using Lines = std::vector<std::string>;

Lines lines_of(const std::string& text) {
  std::istringstream stream(text);
  Lines lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// The rows below the title line that starts with `title`, up to the next empty line.
Lines table(const std::string& text, const std::string& title) {
  const Lines lines = lines_of(text);
  Lines rows;
  bool inside = false;
  for (const std::string& line : lines) {
    if (line.empty()) inside = false;
    if (inside) rows.push_back(line);
    if (rows.empty() && std::regex_search(line, std::regex("^ *" + title))) inside = true;
  }
  return rows;
}

// The number behind the first match of `pattern`'s group in the text.
double number(const std::string& text, const std::string& pattern) {
  std::smatch found;
  if (!std::regex_search(text, found, std::regex(pattern))) return std::nan("");
  return std::stod(std::regex_replace(found[1].str(), std::regex(","), ""));
}

struct Training {
  Graph graph;
  Output images, labels, loss;
  Operation train;
  Feeds feeds;
  explicit Training(const std::string& model) {
    const Shape image = model == "resnet20" ? Shape{2, 32, 32, 3} : Shape{2, 28, 28, 1};
    images = placeholder(graph, DType::kFloat32, image, "images");
    labels = placeholder(graph, DType::kInt32, {2}, "labels");
    loss = nn::sparse_softmax_loss(labels, nn::model_by_name(model)(images, {}));
    train = nn::adam().minimize(loss);
    feeds = {{images, random_normal_tensor(DType::kFloat32, image, 1)}, {labels, Tensor::from<std::int32_t>({3, 7})}};
  }
};

TEST(Explain, SumsOfPartsOpsAndScopesAreTheWhole) {
  Training t("lenet5");
  Session session(t.graph, {.profile = true});
  for (int i = 0; i < 3; ++i) session.run(t.feeds, {}, {t.train});
  const std::string text = session.explain(t.feeds, {}, {t.train}, {.top = 0});
  const double steps = number(text, "plan: ([0-9]+) steps, 3 runs\n");
  const double ms = number(text, "\n([0-9.]+) ms per run in all steps\n");
  ASSERT_GT(ms, 0) << text;
  for (const char* title : {"part ", "op ", "scope "}) {
    double count = 0, time = 0, share = 0;
    for (const std::string& row : table(text, title)) {
      count += number(row, "^[^ ]+ +([0-9]+) ");
      time += number(row, "^[^ ]+ +[0-9]+ +([0-9.]+) ");
      share += number(row, " ([0-9.]+)%");
    }
    EXPECT_EQ(count, steps) << title << "\n" << text;
    EXPECT_NEAR(time, ms, 1e-4 * steps) << title << "\n" << text;
    EXPECT_NEAR(share, 100, 0.1 * steps) << title << "\n" << text;
  }
  for (const char* part : {"forward", "gradients", "updates"}) {
    EXPECT_GT(number(text, std::string("\n") + part + " +([0-9]+) "), 0) << part << "\n" << text;
  }
  // Gradients count at the layer that they belong to.
  EXPECT_GT(number(text, "\nlenet5/conv2 +([0-9]+) "), 3) << text;
  for (const std::string& row : table(text, "scope ")) EXPECT_FALSE(row.starts_with("gradients")) << text;
  EXPECT_EQ(table(text, "# +node").size(), static_cast<std::size_t>(steps)) << "top = 0 shows all\n" << text;
}

TEST(Explain, MemoryPerDeviceIsWhatTheSessionHolds) {
  Training t("lenet5");
  Session session(t.graph);
  session.run(t.feeds, {}, {t.train});
  const std::string text = session.explain(t.feeds, {}, {t.train});
  // 61706 weights with two slots each, and 11 int64 counters: 740560 bytes.
  EXPECT_NE(text.find("723.2 KiB"), std::string::npos) << text;
  std::map<std::string, double> units = {{"B", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}};
  std::smatch found;
  ASSERT_TRUE(std::regex_search(
      text, found, std::regex("\ncpu:0 +([0-9.]+) ([A-Za-z]+) +([0-9.]+) ([A-Za-z]+) +([0-9.]+) ([A-Za-z]+) +")))
      << text;
  const double arena = std::stod(found[5]) * units[found[6]];
  EXPECT_NEAR(arena, static_cast<double>(session.arena_bytes()), 0.06 * units[found[6]]) << text;
  EXPECT_NE(text.find("times: SessionOptions{.profile = true}"), std::string::npos) << text;
  EXPECT_EQ(text.find(" share "), std::string::npos) << "nothing was measured\n" << text;
}

TEST(Explain, ALargePlanIsShortUnlessAskedFor) {
  Training t("resnet20");
  Session session(t.graph, {.profile = true});
  session.run(t.feeds, {}, {t.train});
  const std::string text = session.explain(t.feeds, {}, {t.train});
  EXPECT_LT(lines_of(text).size(), 130u) << text;
  EXPECT_LE(table(text, "scope ").size(), 21u) << text;
  const Lines slowest = table(text, "# +node");
  ASSERT_EQ(slowest.size(), 30u) << text;
  EXPECT_NE(text.find("steps, the slowest first: 30 of "), std::string::npos) << text;
  // Sorted by the times that are shown.
  double last = INFINITY;
  for (const std::string& row : slowest) {
    const double ms = number(row, " ([0-9]+\\.[0-9]{4}) ");
    EXPECT_LE(ms, last) << row;
    last = ms;
  }
  EXPECT_NE(text.find("... and "), std::string::npos) << "of 238 + 65 variables";

  const std::string ten = session.explain(t.feeds, {}, {t.train}, {.top = 10, .sort_by = ExplainOrder::kBytes});
  const Lines largest = table(ten, "# +node");
  ASSERT_EQ(largest.size(), 10u) << ten;
  EXPECT_NE(ten.find("the largest results first: 10 of "), std::string::npos) << ten;
  EXPECT_NE(largest[0].find("147456"), std::string::npos) << "the gradient of a filter, 3 x 3 x 64 x 64 float32\n"
                                                          << ten;
  const Lines in_order =
      table(session.explain(t.feeds, {}, {t.train}, {.top = 10, .sort_by = ExplainOrder::kRun}), "# +node");
  ASSERT_EQ(in_order.size(), 10u);
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(number(in_order[i], "^ *([0-9]+) "), static_cast<double>(i + 1));
  expect_error(Code::kInvalidArgument, "top must not be negative; got -1",
               [&] { session.explain(t.feeds, {}, {t.train}, {.top = -1}); });
}

TEST(Explain, WideNamesDoNotBreakColumns) {
  Graph graph;
  const Output x = placeholder(graph, DType::kFloat32, {2}, "x");
  const std::string much = std::string(90, 'n');
  const Output y = exp(sin(x, "s"), "a/" + much + "/end") * 2.0;
  Session session(graph);
  const Feeds feeds = {{x, Tensor::from<float>({1, 2})}};
  const std::string text = session.explain(y, feeds);
  const Lines rows = table(text, "# +node");
  ASSERT_EQ(rows.size(), 3u) << text;
  std::vector<std::size_t> devices;
  for (const std::string& row : rows) devices.push_back(row.find("cpu:0"));
  EXPECT_TRUE(devices[0] == devices[1] && devices[1] == devices[2]) << text;
  EXPECT_NE(text.find("a/nnnn"), std::string::npos) << text;
  EXPECT_NE(text.find("nnn/end "), std::string::npos) << text;
  EXPECT_EQ(text.find(much), std::string::npos) << text;
}

TEST(Explain, APlanWithoutStepsIsExplained) {
  Graph graph;
  const Output v = variable(graph, Tensor::from<float>({1, 2}), "v");
  Session session(graph);
  const std::string text = session.explain(v);
  EXPECT_TRUE(text.starts_with("plan: 0 steps, 0 runs\n")) << text;
  EXPECT_NE(text.find("\nv "), std::string::npos) << text;
}

}  // namespace
}  // namespace gradus
