// Which variables of a graph are weights, and which tensors of a file are read.
#include <gradus/gradus.h>

#include "tests/io/io_test_support.h"

namespace gradus::io {
namespace {

using io_test::TemporaryDirectory;
using Names = std::vector<std::string>;

// Tensors that no weight needs are not read: not even those that cannot be.
TEST(Weights, AnArrayThatCannotBeReadHindersNobodyWhoDoesNotNeedIt) {
  const TemporaryDirectory directory;
  Graph graph;
  const Output v = variable(graph, Tensor::scalar(0.0F), "v");
  Session session(graph);
  const std::string header = R"({"a":{"dtype":"I16","shape":[1],"data_offsets":[0,2]},)"
                             R"("v":{"dtype":"F32","shape":[],"data_offsets":[2,6]}})";
  const std::string path = directory.file("w.safetensors");
  io_test::write_file(path, std::string(1, static_cast<char>(header.size())) + std::string(7, '\0') + header +
                                io_test::bytes("\0\0\0\0\x80\x3f"));
  EXPECT_EQ(load_weights(session, path).left_over, Names{"a"});
  EXPECT_EQ(session.value(v).item<float>(), 1.0F);
}

// A frozen variable of one's own is a weight when the graph says so.
TEST(Weights, AreTrainableOrInTheCollectionOfTheModel) {
  const TemporaryDirectory directory;
  Graph graph;
  variable(graph, Tensor::scalar(1.0), "trained");
  const Output table = variable(graph, Tensor::scalar(2.0), "table", /*trainable=*/false);
  variable(graph, Tensor::scalar(3.0), "counter", /*trainable=*/false);
  graph.add_to_collection(kModelVariables, table);
  Session session(graph);
  const std::string path = directory.file("w.npz");
  save_weights(session, path);
  const auto file = load_npz(path);
  EXPECT_EQ(file.size(), 2U);
  EXPECT_EQ(file.at("table").item<double>(), 2.0);
  // The mark survives a graph that is saved and read back.
  Graph copy;
  graph_from_json(to_json(graph), copy);
  Session other(copy);
  EXPECT_EQ(load_weights(other, path).loaded, (Names{"trained", "table"}));
}

}  // namespace
}  // namespace gradus::io
