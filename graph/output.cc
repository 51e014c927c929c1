// Nodes and the handles to them.
#include "gradus/graph/output.h"

#include <fmt/format.h>

#include <ostream>

#include "gradus/graph/graph.h"

namespace gradus {

const TensorInfo& Node::output_info(int i) const {
  if (i < 0 || i >= num_outputs())
    throw invalid_argument(fmt::format("{} has {} outputs; asked for output {}", where(), num_outputs(), i));
  return outputs_[static_cast<std::size_t>(i)];
}

Output Node::output(int i) {
  (void)output_info(i);
  return {this, i};
}

Output Node::input(int i) const {
  if (i < 0 || i >= static_cast<int>(inputs_.size()))
    throw invalid_argument(fmt::format("{} has {} inputs; asked for input {}", where(), inputs_.size(), i));
  return inputs_[static_cast<std::size_t>(i)];
}

std::string Node::where() const { return fmt::format("[{} '{}' at {}:{}]", op(), name_, file_, line_); }

std::string Output::absence() const {
  return absence_ != nullptr ? *absence_
                             : "it is a default-made Output; give it the result of a builder function first";
}

Node& Output::node() const {
  if (node_ == nullptr) throw invalid_argument("this Output refers to nothing: " + absence());
  return *node_;
}
Graph& Output::graph() const { return node().graph(); }
DType Output::dtype() const { return node().output_info(index_).dtype; }
const Shape& Output::shape() const { return node().output_info(index_).shape; }
std::string Output::name() const { return index_ == 0 ? node().name() : fmt::format("{}:{}", node().name(), index_); }

std::ostream& operator<<(std::ostream& out, const Output& output) {
  if (!output.valid()) return out << "nothing (" << output.absence() << ')';
  const Node& node = output.node();
  return out << fmt::format("'{}' {} {}, {} at {}:{}", output.name(), dtype_name(output.dtype()),
                            output.shape().to_string(), node.op(), node.file(), node.line());
}

std::string Operation::absence() const {
  return absence_ != nullptr ? *absence_ : "it is default-made; give it what group() or a builder function returned";
}

Node& Operation::node() const {
  if (node_ == nullptr) throw invalid_argument("this Operation refers to nothing: " + absence());
  return *node_;
}
std::string Operation::name() const { return node().name(); }

std::ostream& operator<<(std::ostream& out, const Operation& operation) {
  if (!operation.valid()) return out << "nothing";
  const Node& node = operation.node();
  return out << fmt::format("'{}', {} at {}:{}", node.name(), node.op(), node.file(), node.line());
}

}  // namespace gradus
