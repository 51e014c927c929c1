#include "tests/cuda/model_convolutions.h"

#include <set>
#include <utility>

#include "gradus/graph/graph.h"
#include "gradus/graph/node.h"
#include "gradus/nn/models.h"
#include "gradus/ops/source_ops.h"

namespace gradus::testing {

std::vector<ConvCase> model_convolutions(const std::string& model, std::int64_t batch) {
  Graph graph;
  const Shape image = model == "resnet20" ? Shape{batch, 32, 32, 3} : Shape{batch, 28, 28, 1};
  nn::model_by_name(model)(placeholder(graph, DType::kFloat32, image, "images"), {}, SourceLocation::current());
  std::vector<ConvCase> cases;
  std::set<std::string> names;
  for (int id = 0; id < graph.num_nodes(); ++id) {
    Node& node = graph.node(id);
    if (node.op() != "Conv2D") continue;
    ConvCase c{.name = "",
               .input = node.input(0).shape(),
               .filter = node.input(1).shape(),
               .output = node.output(0).shape(),
               .attrs = node.attrs_as<Conv2DAttrs>()};
    c.name = model + " " + c.input.to_string() + " * " + c.filter.to_string() + " = " + c.output.to_string();
    if (names.insert(c.name).second) cases.push_back(std::move(c));
  }
  return cases;
}

}  // namespace gradus::testing
