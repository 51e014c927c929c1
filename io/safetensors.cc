#include "gradus/io/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "gradus/core/atomic_file.h"
#include "gradus/io/byte_source.h"
#include "gradus/io/npy_data.h"
#include "gradus/io/tensor_files.h"

namespace gradus::io {
namespace {

constexpr std::uint64_t kLargestSafetensorsHeader = 100'000'000;  // the limit of the format's own reader

struct SafeTensorEntry {
  std::string name;
  DType dtype = DType::kFloat32;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;  // bytes from the end of the header
  std::uint64_t end = 0;
  std::string unsupported;  // why it has no counterpart here; empty when it has
};

struct SafeTensorsHeader {
  std::vector<SafeTensorEntry> entries;  // in the order of their bytes
  std::map<std::string, std::string> metadata;
};

using Json = nlohmann::json;

struct Name {
  const char* text;
  DType dtype;
};
constexpr Name kNames[] = {{"F16", DType::kFloat16}, {"BF16", DType::kBFloat16}, {"F32", DType::kFloat32},
                           {"F64", DType::kFloat64}, {"I32", DType::kInt32},     {"I64", DType::kInt64},
                           {"U8", DType::kUInt8},    {"BOOL", DType::kBool}};

// nlohmann's parser keeps the last of two equal keys; a header with repeated keys says two things about one tensor.
Json parse_strictly(const std::string& text) {
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > 4) throw invalid_argument("JSON nested too deeply");
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second) {
      throw invalid_argument(fmt::format("repeated key '{}'", printable(parsed.get<std::string>())));
    }
    return true;
  };
  // The parser takes a zero byte for the end of the text.
  if (text.find('\0') != std::string::npos) throw invalid_argument("a zero byte, which JSON cannot hold");
  try {
    Json json = Json::parse(text, watch);
    if (!json.is_object()) throw invalid_argument("not a JSON object");
    return json;
  } catch (const Json::exception& error) {
    throw invalid_argument(fmt::format("not JSON: {}", printable(error.what(), 300)));
  }
}

// `name` in these functions is the tensor's, as messages show it.
void parse_dtype(const std::string& name, const Json& value, SafeTensorEntry* entry) {
  if (!value.is_string()) throw invalid_argument(fmt::format("the dtype of '{}' is not a string", name));
  const std::string text = value.get<std::string>();
  if (const auto* known = std::ranges::find(kNames, text, &Name::text); known != std::end(kNames)) {
    entry->dtype = known->dtype;
  } else {
    entry->unsupported =
        fmt::format("tensor '{}' has dtype {}; supported: F16 BF16 F32 F64 I32 I64 U8 BOOL", name, printable(text));
  }
}

// An array of integers 0 .. 2^63-1.
std::vector<std::int64_t> parse_sizes(const std::string& name, const char* key, const Json& value) {
  std::vector<std::int64_t> sizes;
  bool good = value.is_array();
  for (std::size_t i = 0; good && i < value.size(); ++i) {
    good = value[i].is_number_unsigned() && value[i].get<std::uint64_t>() <= std::uint64_t{INT64_MAX};
    if (good) sizes.push_back(value[i].get<std::int64_t>());
  }
  if (!good) {
    throw invalid_argument(
        fmt::format("'{}' of '{}' is not an array of sizes: {}", key, name, printable(value.dump())));
  }
  return sizes;
}

SafeTensorEntry parse_entry(const std::string& name, const Json& value) {
  if (!value.is_object() || value.size() != 3 || !value.contains("dtype") || !value.contains("shape") ||
      !value.contains("data_offsets")) {
    throw invalid_argument(fmt::format("tensor '{}' needs exactly dtype, shape and data_offsets", name));
  }
  SafeTensorEntry entry;
  entry.shape = parse_sizes(name, "shape", value["shape"]);
  if (entry.shape.size() > static_cast<std::size_t>(Shape::kMaxRank)) {
    entry.unsupported = fmt::format("tensor '{}' has {} dimensions; at most {} are supported", name, entry.shape.size(),
                                    Shape::kMaxRank);
  }
  const std::vector<std::int64_t> offsets = parse_sizes(name, "data_offsets", value["data_offsets"]);
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    throw invalid_argument(fmt::format("data_offsets of '{}' are not a range", name));
  }
  entry.begin = static_cast<std::uint64_t>(offsets[0]);
  entry.end = static_cast<std::uint64_t>(offsets[1]);
  parse_dtype(name, value["dtype"], &entry);
  if (!entry.unsupported.empty()) return entry;
  std::int64_t bytes = 1;
  bool fits = true;
  for (std::int64_t dim : entry.shape) fits = fits && checked_multiply(bytes, dim, &bytes);
  fits = fits && checked_multiply(bytes, static_cast<std::int64_t>(dtype_size(entry.dtype)), &bytes);
  if (!fits || static_cast<std::uint64_t>(bytes) != entry.end - entry.begin) {
    throw invalid_argument(fmt::format("tensor '{}' is {} [{}] but has {} bytes of data", name, dtype_name(entry.dtype),
                                       fmt::join(entry.shape, ","), entry.end - entry.begin));
  }
  return entry;
}

// Parses and checks a header whose data section has `data_bytes` bytes. Throws InvalidArgument with a text without file and offset,
// which the caller adds, for anything malformed.
SafeTensorsHeader parse_safetensors_header(const std::string& text, std::uint64_t data_bytes) {
  const Json json = parse_strictly(text);
  SafeTensorsHeader header;
  for (const auto& [name, value] : json.items()) {
    if (name != "__metadata__") {
      header.entries.push_back(parse_entry(printable(name), value));
      header.entries.back().name = name;
      continue;
    }
    if (!value.is_object()) throw invalid_argument("__metadata__ is not an object");
    for (const auto& [key, content] : value.items()) {
      if (!content.is_string())
        throw invalid_argument(fmt::format("__metadata__ '{}' is not a string", printable(key)));
      header.metadata[key] = content.get<std::string>();
    }
  }
  std::ranges::sort(header.entries, {}, [](const SafeTensorEntry& e) { return std::pair(e.begin, e.end); });
  std::uint64_t next = 0;  // every byte of data belongs to exactly one tensor
  for (const SafeTensorEntry& entry : header.entries) {
    if (entry.begin != next) {
      throw invalid_argument(fmt::format("the data of '{}' begins at {}, {} byte {} where the data before it ends",
                                         printable(entry.name), entry.begin,
                                         entry.begin < next ? "inside: before" : "leaving a gap: after", next));
    }
    next = entry.end;
  }
  const std::string sizes = fmt::format("the tensors take {} bytes of data, the file has {}", next, data_bytes);
  if (next > data_bytes) throw data_loss("truncated: " + sizes);
  if (next < data_bytes) throw invalid_argument(sizes);
  return header;
}

// Padded with spaces to a multiple of 8 bytes. Throws InvalidArgument for text that is not UTF-8.
std::string format_safetensors_header(const SafeTensorsHeader& header, const std::string& path) {
  const auto check_text = [&](const char* what, const std::string& text) {
    if (is_utf8(text)) return;
    throw invalid_argument(fmt::format("{}: {} must be UTF-8; got '{}'", path, what, printable(text)));
  };
  for (const SafeTensorEntry& entry : header.entries) check_text("a tensor's name", entry.name);
  for (const auto& [key, value] : header.metadata) {
    check_text("a key of the metadata", key);
    check_text("a value of the metadata", value);
  }
  Json json = Json::object();
  if (!header.metadata.empty()) json["__metadata__"] = header.metadata;
  for (const SafeTensorEntry& entry : header.entries) {
    const Name* name = std::ranges::find(kNames, entry.dtype, &Name::dtype);
    json[entry.name] = {{"dtype", name->text}, {"shape", entry.shape}, {"data_offsets", {entry.begin, entry.end}}};
  }
  std::string text = json.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

}  // namespace

SafeTensors load_safetensors(const std::string& path, const LoadSafeTensorsOptions& options) {
  const std::set<std::string> names(options.names.begin(), options.names.end());
  std::vector<std::string> others;
  SafeTensors result = read_safetensors(path, names, &others);
  check_all_read(path, names, result.tensors, others);
  return result;
}

SafeTensors read_safetensors(const std::string& path, const std::set<std::string>& names,
                             std::vector<std::string>* others) {
  const auto source = open_file(path);
  const std::uint64_t length = source->read_integer(8, std::endian::little, "the header length");
  if (length > source->most_left() || length > kLargestSafetensorsHeader) {
    source->fail_at(
        0, fmt::format("not a safetensors file, or truncated: the header claims {} bytes; {} are left, {} allowed",
                       length, source->most_left(), kLargestSafetensorsHeader));
  }
  std::string json(static_cast<std::size_t>(length), '\0');
  source->read(json.data(), json.size(), "the header");
  if (json.empty() || json[0] != '{') source->fail_at(8, "not a safetensors file: the header does not begin with '{'");

  SafeTensorsHeader header;
  try {
    header = parse_safetensors_header(json, source->most_left());
  } catch (const Error& error) {
    if (error.code() == Code::kInvalidArgument) source->fail_at(8, fmt::format("bad header: {}", error.what()));
    throw Error(error.code(), fmt::format("{}: offset 8: {}", path, error.what()));
  }
  SafeTensors result;
  result.metadata = std::move(header.metadata);
  for (const SafeTensorEntry& entry : header.entries) {
    if (!names.empty() && !names.contains(entry.name)) {
      others->push_back(entry.name);
      source->skip(entry.end - entry.begin, "tensor data");
      continue;
    }
    if (!entry.unsupported.empty()) throw unimplemented(fmt::format("{}: offset 8: {}", path, entry.unsupported));
    Tensor tensor(entry.dtype, Shape(entry.shape));
    const std::uint64_t at = source->offset();
    source->read(tensor.raw(), tensor.bytes(), "tensor data");
    if (entry.dtype == DType::kBool) check_bools(*source, at, tensor.raw(), tensor.bytes());
    result.tensors.emplace(entry.name, std::move(tensor));
  }
  source->expect_end();
  return result;
}

void save_safetensors(const std::string& path, const std::map<std::string, Tensor>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  SafeTensorsHeader header{{}, metadata};
  for (const auto& [name, tensor] : tensors) {
    if (name == "__metadata__") throw invalid_argument(path + ": a tensor cannot have the reserved name __metadata__");
    if (!tensor.defined()) {
      throw invalid_argument(fmt::format("{}: tensor '{}' was never given a value", path, printable(name)));
    }
    header.entries.push_back({name, tensor.dtype(), tensor.shape().dims(), 0, 0, ""});
  }
  // Wide elements first, so that each tensor is aligned to its own element size in a file that is mapped to memory.
  std::ranges::stable_sort(header.entries, std::greater(),
                           [](const SafeTensorEntry& e) { return dtype_size(e.dtype); });
  std::uint64_t next = 0;
  for (SafeTensorEntry& entry : header.entries) {
    entry.begin = next;
    entry.end = next += tensors.at(entry.name).bytes();
  }
  const std::string json = format_safetensors_header(header, path);
  const std::uint64_t length = json.size();

  AtomicFile file(path, Durability::kDurable);
  file.write(&length, sizeof length);  // little-endian, as memory is (io/npy.cc checks that)
  file.write(json);
  for (const SafeTensorEntry& entry : header.entries) {
    const Tensor& tensor = tensors.at(entry.name);
    file.write(tensor.raw(), tensor.bytes());
  }
  file.commit();
}

}  // namespace gradus::io
