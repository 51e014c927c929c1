#include <fmt/format.h>

#include <set>

#include "gradus/core/nearest_names.h"
#include "gradus/graph/op_registry.h"
#include "gradus/io/npy.h"
#include "gradus/io/npy_data.h"
#include "gradus/io/tensor_files.h"
#include "gradus/io/zip.h"

namespace gradus::io {
namespace {

constexpr std::string_view kMemberSuffix = ".npy";

}  // namespace

std::map<std::string, Tensor> load_npz(const std::string& path, const LoadNpzOptions& options) {
  const std::set<std::string> names(options.names.begin(), options.names.end());
  std::vector<std::string> others;
  std::map<std::string, Tensor> tensors = read_npz_if(
      path, [&](const std::string& name) { return names.empty() || names.contains(name); }, &others);
  for (const std::string& name : names) {
    if (!tensors.contains(name)) throw no_such_tensor(path, name, others);
  }
  return tensors;
}

std::map<std::string, Tensor> read_npz_if(const std::string& path, FunctionRef<bool(const std::string&)> wanted,
                                          std::vector<std::string>* others) {
  const ZipReader archive(path);
  std::map<std::string, Tensor> tensors;
  bool any = archive.members().empty();
  for (const ZipMember& member : archive.members()) {
    if (!member.name.ends_with(kMemberSuffix)) continue;  // no array: a README, a directory
    any = true;
    const std::string name = member.name.substr(0, member.name.size() - kMemberSuffix.size());
    if (wanted(name)) {
      tensors[name] = read_npy(*archive.open(member));
    } else {
      others->push_back(name);
    }
  }
  if (!any) {
    const ZipMember& first = archive.members()[0];
    throw unimplemented(fmt::format("{}: offset {}: no member of the archive is an .npy array; the first is '{}'", path,
                                    first.header_offset, printable(first.name)));
  }
  return tensors;
}

Error no_such_tensor(const std::string& path, const std::string& name, const std::vector<std::string>& others) {
  const std::string near = printable(did_you_mean(name, others), 300);
  const std::string held = printable(fmt::format("; it holds {}", fmt::join(others, ", ")), 300);
  return not_found(fmt::format("{}: holds no tensor '{}'{}", path, printable(name),
                               !near.empty()    ? near
                               : others.empty() ? ""
                                                : held));
}

void save_npz(const std::string& path, const std::map<std::string, Tensor>& tensors, const NpzOptions& options) {
  for (const auto& [name, tensor] : tensors) {
    if (!is_utf8(name))  // Python, for one, could then open none of the members
      throw invalid_argument(fmt::format("{}: names must be UTF-8; got '{}'", path, printable(name)));
  }
  ZipWriter archive(path);
  for (const auto& [name, tensor] : tensors) {
    const std::string header = npy_header_of(tensor, fmt::format("{}({})", path, name));
    archive.add(name + std::string(kMemberSuffix), header, tensor.raw(), tensor.bytes(), options.compress);
  }
  archive.finish();
}

}  // namespace gradus::io
