#include <fmt/format.h>

#include "gradus/io/npy.h"
#include "gradus/io/npy_data.h"
#include "gradus/io/zip.h"

namespace gradus::io {
namespace {

constexpr std::string_view kSuffix = ".npy";

}  // namespace

std::map<std::string, Tensor> load_npz(const std::string& path) {
  const ZipReader archive(path);
  std::map<std::string, Tensor> tensors;
  for (const ZipMember& member : archive.members()) {
    if (member.name.size() < kSuffix.size() || !member.name.ends_with(kSuffix)) {
      throw unimplemented(fmt::format("{}: offset {}: member '{}' is not an .npy array", path, member.header_offset,
                                      printable(member.name)));
    }
    tensors[member.name.substr(0, member.name.size() - kSuffix.size())] = read_npy(*archive.open(member));
  }
  return tensors;
}

void save_npz(const std::string& path, const std::map<std::string, Tensor>& tensors, const NpzOptions& options) {
  ZipWriter archive(path);
  for (const auto& [name, tensor] : tensors) {
    const std::string header = npy_header_of(tensor, fmt::format("{}({})", path, name));
    archive.add(name + std::string(kSuffix), header, tensor.raw(), tensor.bytes(), options.compress);
  }
  archive.finish();
}

}  // namespace gradus::io
