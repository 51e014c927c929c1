#include "gradus/io/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "gradus/core/atomic_file.h"
#include "gradus/io/byte_source.h"
#include "gradus/io/npy_data.h"
#include "gradus/io/safetensors_header.h"
#include "gradus/io/tensor_files.h"

namespace gradus::io {
namespace {

constexpr std::uint64_t kLargestSafetensorsHeader = 100'000'000;  // the limit of the format's own reader

}  // namespace

SafeTensors load_safetensors(const std::string& path, const LoadSafeTensorsOptions& options) {
  const std::set<std::string> names(options.names.begin(), options.names.end());
  std::vector<std::string> others;
  SafeTensors result = read_safetensors_if(
      path, [&](const std::string& name) { return names.empty() || names.contains(name); }, &others);
  for (const std::string& name : names) {
    if (!result.tensors.contains(name)) throw no_such_tensor(path, name, others);
  }
  return result;
}

SafeTensors read_safetensors_if(const std::string& path, FunctionRef<bool(const std::string&)> wanted,
                                std::vector<std::string>* others) {
  const auto source = open_file(path);
  unsigned char raw[8];
  source->read(raw, sizeof raw, "the header length");
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | raw[i];
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
    if (!wanted(entry.name)) {
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
  SafeTensorsHeader header;
  header.metadata = metadata;
  for (const auto& [name, tensor] : tensors) {
    if (name == "__metadata__") throw invalid_argument(path + ": a tensor cannot have the reserved name __metadata__");
    if (!tensor.defined()) {
      throw invalid_argument(fmt::format("{}: tensor '{}' was never given a value", path, printable(name)));
    }
    header.entries.push_back({name, tensor.dtype(), tensor.shape().dims(), 0, 0, ""});
  }
  // Wide elements first, so that each tensor is aligned to its own element size in a file that is mapped to memory.
  std::stable_sort(
      header.entries.begin(), header.entries.end(),
      [](const SafeTensorEntry& a, const SafeTensorEntry& b) { return dtype_size(a.dtype) > dtype_size(b.dtype); });
  std::uint64_t next = 0;
  for (SafeTensorEntry& entry : header.entries) {
    entry.begin = next;
    entry.end = next += tensors.at(entry.name).bytes();
  }
  std::string json;
  try {
    json = format_safetensors_header(header);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", path, error.what()));
  }
  std::string length;
  for (int i = 0; i < 8; ++i) length.push_back(static_cast<char>(std::uint64_t{json.size()} >> (8 * i) & 0xff));

  AtomicFile file(path, Durability::kDurable);
  file.write(length);
  file.write(json);
  for (const SafeTensorEntry& entry : header.entries) {
    const Tensor& tensor = tensors.at(entry.name);
    file.write(tensor.raw(), tensor.bytes());
  }
  file.commit();
}

}  // namespace gradus::io
