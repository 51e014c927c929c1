#include "gradus/exchange/graph_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "gradus/core/printable.h"
#include "gradus/core/tensor_text.h"
#include "gradus/exchange/base64.h"
#include "gradus/graph/scopes.h"

static_assert(std::endian::native == std::endian::little, "tensor data in graph files is little-endian");

namespace gradus {
namespace {

using OrderedJson = nlohmann::ordered_json;

// ---- Values ----

OrderedJson pair_to_json(const Output& output) { return OrderedJson::array({output.node().id(), output.index()}); }

// JSON has no NaN and no infinity; their bits are kept as text.
OrderedJson double_to_json(double value) {
  if (std::isfinite(value)) return value;
  return fmt::format("0x{:016x}", std::bit_cast<std::uint64_t>(value));
}

OrderedJson tensor_to_json(const Tensor& tensor) {
  if (!tensor.defined()) return nullptr;
  return {{"dtype", dtype_name(tensor.dtype())},
          {"shape", tensor.shape().dims()},
          {"base64", base64_encode(tensor.raw(), tensor.bytes())}};
}

class AttrWriter final : public AttrVisitor {
 public:
  void field(const AttrField& f, AttrRef value) override {
    json[f.name] = std::visit(
        Overloaded{
            [](auto* v) -> OrderedJson { return *v; },
            [](double* v) { return double_to_json(*v); },
            [](Number* v) { return v->is_integer() ? OrderedJson(v->integer()) : double_to_json(v->real()); },
            [](DType* v) -> OrderedJson { return dtype_name(*v); },
            [](Shape* v) -> OrderedJson { return v->dims(); },
            [](Tensor* v) { return tensor_to_json(*v); },
            [](EnumValue* v) -> OrderedJson { return v->name(); },
        },
        value);
  }
  OrderedJson json = OrderedJson::object();
};

// What a field must be; every getter throws DataLoss with the place in front.
class Reader {
 public:
  explicit Reader(std::string where) : where_(std::move(where)) {}

  [[noreturn]] void fail(const std::string& what) const { throw data_loss(printable(where_ + ": " + what, 400)); }
  const std::string& where() const { return where_; }

  // The function's result; what it throws is said with the place in front.
  template <class F>
  auto checked(F function) const {
    try {
      return function();
    } catch (const Error& error) {
      fail(error.what());
    }
  }
  const OrderedJson& member(const OrderedJson& object, const char* name) const {
    const auto found = object.find(name);
    if (found == object.end()) fail(fmt::format("'{}' is missing", name));
    return *found;
  }
  void allow_only(const OrderedJson& object, std::initializer_list<const char*> names) const {
    if (!object.is_object()) fail("must be an object");
    for (const auto& [key, value] : object.items()) {
      if (std::find(names.begin(), names.end(), key) == names.end()) fail(fmt::format("unknown field '{}'", key));
    }
  }
  std::string text(const OrderedJson& v, const char* name) const {
    if (!v.is_string()) fail(fmt::format("'{}' must be a string", name));
    return v.get<std::string>();
  }
  std::int64_t integer(const OrderedJson& v, const char* name) const {
    if (!v.is_number_integer() || (v.is_number_unsigned() && v.get<std::uint64_t>() > INT64_MAX)) {
      fail(fmt::format("'{}' must be a 64-bit integer", name));
    }
    return v.get<std::int64_t>();
  }
  std::vector<std::int64_t> integers(const OrderedJson& v, const char* name) const {
    std::vector<std::int64_t> result;
    for (const OrderedJson& element : list(v, name)) result.push_back(integer(element, name));
    return result;
  }
  const OrderedJson& list(const OrderedJson& v, const char* name) const {
    if (!v.is_array()) fail(fmt::format("'{}' must be a list", name));
    return v;
  }
  DType dtype(const OrderedJson& v, const char* name) const {
    return checked([&] { return dtype_from_name(text(v, name)); });
  }
  Shape shape(const OrderedJson& v, const char* name) const {
    return checked([&] { return Shape(integers(v, name)); });
  }

 private:
  std::string where_;
};

class AttrReader final : public AttrVisitor {
 public:
  AttrReader(const OrderedJson& json, const Reader& read) : json_(json), read_(read) {}
  void field(const AttrField& f, AttrRef value) override {
    if (f.optional && !json_.contains(f.name)) return;
    seen_.insert(f.name);
    const OrderedJson& json = read_.member(json_, f.name);
    std::visit(Overloaded{
                   [&](bool* v) {
                     if (!json.is_boolean()) read_.fail(fmt::format("'{}' must be true or false", f.name));
                     *v = json.get<bool>();
                   },
                   [&](std::int64_t* v) { *v = read_.integer(json, f.name); },
                   [&](double* v) { *v = real(json, f.name); },
                   [&](Number* v) {
                     *v = json.is_number_integer() ? Number(read_.integer(json, f.name)) : Number(real(json, f.name));
                   },
                   [&](std::string* v) { *v = read_.text(json, f.name); },
                   [&](DType* v) { *v = read_.dtype(json, f.name); },
                   [&](Shape* v) { *v = read_.shape(json, f.name); },
                   [&](std::vector<std::int64_t>* v) { *v = read_.integers(json, f.name); },
                   [&](Tensor* v) { *v = json.is_null() ? Tensor() : tensor(json, f.name); },
                   [&](EnumValue* v) { v->index = enumerator(*v, json, f.name); },
               },
               value);
  }

  void refuse_unknown_fields(const std::string& op) const {
    for (const auto& [key, value] : json_.items()) {
      if (!seen_.contains(key))
        throw invalid_argument(fmt::format("{}: {} has no attribute '{}'", read_.where(), op, key));
    }
  }

 private:
  double real(const OrderedJson& value, const char* name) const {
    if (value.is_number()) return value.get<double>();
    const std::string bits = read_.text(value, name);
    if (bits.size() != 18 || bits.rfind("0x", 0) != 0 ||
        bits.find_first_not_of("0123456789abcdef", 2) != std::string::npos) {
      read_.fail(fmt::format("'{}' must be a number or its bits; got '{}'", name, bits));
    }
    return std::bit_cast<double>(static_cast<std::uint64_t>(std::stoull(bits, nullptr, 16)));
  }
  int enumerator(const EnumValue& e, const OrderedJson& json, const char* name) const {
    const std::string wanted = read_.text(json, name);
    const auto found = std::find(e.names.begin(), e.names.end(), wanted);
    if (found == e.names.end()) read_.fail(fmt::format("'{}' has no value '{}'", name, wanted));
    return static_cast<int>(found - e.names.begin());
  }
  Tensor tensor(const OrderedJson& json, const char* name) const {
    read_.allow_only(json, {"dtype", "shape", "base64"});
    const DType dtype = read_.dtype(read_.member(json, "dtype"), name);
    const Shape shape = read_.shape(read_.member(json, "shape"), name);
    const std::string text = read_.text(read_.member(json, "base64"), name);
    // The text bounds the size before memory is asked for.
    if (byte_count(dtype, shape).value_or(INT64_MAX) > static_cast<std::int64_t>(text.size())) {
      read_.fail(fmt::format("'{}' has {} characters of data for {}", name, text.size(), type_text(dtype, shape)));
    }
    Tensor tensor(dtype, shape);
    if (!base64_decode(text, tensor.raw(), tensor.bytes())) {
      read_.fail(fmt::format("'{}' does not hold the data of {}", name, type_text(dtype, shape)));
    }
    if (dtype == DType::kBool) {
      const auto* elements = static_cast<const unsigned char*>(tensor.raw());
      if (std::any_of(elements, elements + tensor.bytes(), [](unsigned char c) { return c > 1; }))
        read_.fail(fmt::format("'{}' holds bools other than 0 and 1", name));
    }
    return tensor;
  }
  const OrderedJson& json_;
  const Reader& read_;
  std::set<std::string> seen_;
};

// ---- Graphs ----

OrderedJson node_to_json(const Node& node) {
  OrderedJson json = {{"name", node.name()}, {"op", node.op()}};
  for (const Output& input : node.inputs()) json["inputs"].push_back(pair_to_json(input));
  for (const Node* control : node.control_inputs()) json["control"].push_back(control->id());
  AttrWriter writer;
  node.attrs().visit(writer);
  if (!writer.json.empty()) json["attrs"] = std::move(writer.json);
  if (!node.device().empty()) json["device"] = node.device();
  json["file"] = node.file();
  json["line"] = node.line();
  if (node.forward_node() != nullptr) json["forward"] = node.forward_node()->id();
  if (!node.gradient_rule().empty()) json["rule"] = node.gradient_rule();
  for (int i = 0; i < node.num_outputs(); ++i) {
    json["outputs"].push_back(
        {{"dtype", dtype_name(node.output_info(i).dtype)}, {"shape", node.output_info(i).shape.dims()}});
  }
  return json;
}

Node& node_at(const Graph& graph, std::int64_t id, const Reader& read) {
  if (id < 0 || id >= graph.num_nodes()) read.fail(fmt::format("refers to node {}, which does not come before it", id));
  return graph.node(static_cast<int>(id));
}

Output output_at(const Graph& graph, const OrderedJson& pair, const Reader& read) {
  const std::vector<std::int64_t> ids = read.integers(pair, "inputs");
  if (ids.size() != 2) read.fail("an output is a pair [node, index]");
  Node& node = node_at(graph, ids[0], read);
  if (ids[1] < 0 || ids[1] >= node.num_outputs()) read.fail(fmt::format("'{}' has no output {}", node.name(), ids[1]));
  return node.output(static_cast<int>(ids[1]));
}

void check_outputs(const Node& node, const OrderedJson& json, const Reader& read) {
  const OrderedJson outputs = json.value("outputs", OrderedJson::array());
  bool same = outputs.is_array() && outputs.size() == static_cast<std::size_t>(node.num_outputs());
  for (int i = 0; same && i < node.num_outputs(); ++i) {
    const OrderedJson& output = outputs[static_cast<std::size_t>(i)];
    read.allow_only(output, {"dtype", "shape"});
    const TensorInfo& info = node.output_info(i);
    const DType dtype = read.dtype(read.member(output, "dtype"), "dtype");
    const Shape shape = read.shape(read.member(output, "shape"), "shape");
    if (dtype != info.dtype || shape != info.shape) {
      throw invalid_argument(fmt::format("{}: output {} is stored as {}, but inferred as {}", read.where(), i,
                                         type_text(dtype, shape), type_text(info)));
    }
  }
  if (!same) throw invalid_argument(fmt::format("{}: it has {} outputs here", read.where(), node.num_outputs()));
}

void add_node_from_json(const OrderedJson& json, Graph& graph) {
  Reader place(fmt::format("node {}", graph.num_nodes()));
  place.allow_only(
      json, {"name", "op", "inputs", "control", "attrs", "device", "file", "line", "forward", "rule", "outputs"});
  const std::string name = place.text(place.member(json, "name"), "name");
  const Reader read(fmt::format("node {} '{}'", graph.num_nodes(), name));
  if (name.empty() || graph.find_node(name) != nullptr) read.fail("a node needs a name of its own");
  const OpDef& def = graph.ops().get(read.text(read.member(json, "op"), "op"));

  std::vector<Output> inputs;
  const OrderedJson pairs = json.value("inputs", OrderedJson::array());
  for (const OrderedJson& pair : read.list(pairs, "inputs")) inputs.push_back(output_at(graph, pair, read));
  std::vector<Operation> control;
  for (const std::int64_t id : read.integers(json.value("control", OrderedJson::array()), "control"))
    control.emplace_back(&node_at(graph, id, read));
  static const OrderedJson no_attrs = OrderedJson::object();  // attributes may be large: they are not copied
  const OrderedJson& attrs_json = json.contains("attrs") ? json["attrs"] : no_attrs;
  if (!attrs_json.is_object()) read.fail("'attrs' must be an object");
  AttrReader reader(attrs_json, read);
  const Attrs attrs = def.attrs.edited(reader);
  reader.refuse_unknown_fields(def.name);

  const std::string file = read.text(read.member(json, "file"), "file");
  const std::int64_t line = read.integer(read.member(json, "line"), "line");
  if (line < 0 || line > INT32_MAX) read.fail("'line' is out of range");
  std::optional<GradientScope> gradient;
  if (json.contains("forward")) {
    const std::string rule = read.text(json.value("rule", OrderedJson("")), "rule");
    gradient.emplace(graph, node_at(graph, read.integer(json["forward"], "forward"), read), rule);
  }
  const DeviceScope device(graph, read.text(json.value("device", OrderedJson("")), "device"));
  const ControlScope after(graph, control);
  const Node& node = graph.add_node(def.name, std::move(inputs), attrs, {name, {file.c_str(), static_cast<int>(line)}});
  check_outputs(node, json, read);
}

void load(const OrderedJson& document, Graph& graph) {
  const Reader read("graph");
  for (const OrderedJson& node : document["nodes"]) add_node_from_json(node, graph);
  if (!document.contains("collections")) return;
  if (!document["collections"].is_object()) read.fail("'collections' must be an object");
  for (const auto& [name, items] : document["collections"].items()) {
    const Reader place(fmt::format("collection '{}'", name));
    if (!items.is_array()) place.fail("must be a list");
    for (const OrderedJson& item : items) graph.add_to_collection(name, output_at(graph, item, place));
  }
}

}  // namespace

std::string to_json(const Graph& graph) {
  OrderedJson document = {{"format", "gradus-graph"}, {"version", kGraphJsonVersion}, {"nodes", OrderedJson::array()}};
  for (int id = 0; id < graph.num_nodes(); ++id) document["nodes"].push_back(node_to_json(graph.node(id)));
  for (const auto& [name, outputs] : graph.collections()) {
    for (const Output& output : outputs) document["collections"][name].push_back(pair_to_json(output));
  }
  try {
    return document.dump(1);
  } catch (const nlohmann::json::exception&) {
    throw invalid_argument("a name or text in the graph is not UTF-8, which JSON needs");
  }
}

void graph_from_json(std::string_view text, Graph& graph) {
  if (graph.num_nodes() != 0 || !graph.collections().empty())
    throw invalid_argument("graph_from_json needs an empty graph");
  OrderedJson document;
  try {
    document = OrderedJson::parse(text);
  } catch (const nlohmann::json::exception& error) {
    throw data_loss(fmt::format("not JSON: {}", printable(error.what(), 300)));
  }
  const Reader read("graph");
  read.allow_only(document, {"format", "version", "nodes", "collections"});
  if (read.text(read.member(document, "format"), "format") != "gradus-graph")
    read.fail("'format' must be gradus-graph");
  if (const std::int64_t version = read.integer(read.member(document, "version"), "version");
      version != kGraphJsonVersion) {
    throw invalid_argument(fmt::format("graph format version {} is not known here; this build reads version {}",
                                       version, kGraphJsonVersion));
  }
  read.list(read.member(document, "nodes"), "nodes");
  // Nodes cannot be removed from a graph, so a first pass into a graph of its own finds every mistake.
  Graph trial(graph.ops());
  load(document, trial);
  load(document, graph);
}

}  // namespace gradus
