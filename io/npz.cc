#include <fmt/format.h>

#include <set>

#include "gradus/core/nearest_names.h"
#include "gradus/graph/op_registry.h"
#include "gradus/io/npy.h"
#include "gradus/io/npy_data.h"
#include "gradus/io/tensor_files.h"
#include "gradus/io/zip.h"

namespace gradus::io {

constexpr std::string_view kMemberSuffix = ".npy";

std::map<std::string, Tensor> load_npz(const std::string& path, const LoadNpzOptions& options) {
  const std::set<std::string> names(options.names.begin(), options.names.end());
  std::vector<std::string> others;
  std::map<std::string, Tensor> tensors = read_npz(path, names, &others);
  check_all_read(path, names, tensors, others);
  return tensors;
}

std::map<std::string, Tensor> read_npz(const std::string& path, const std::set<std::string>& names,
                                       std::vector<std::string>* others) {
  const ZipReader archive(path);
  std::map<std::string, Tensor> tensors;
  bool any = archive.members().empty();
  for (const ZipMember& member : archive.members()) {
    if (!member.name.ends_with(kMemberSuffix)) continue;  // no array: a README, a directory
    any = true;
    const std::string name = member.name.substr(0, member.name.size() - kMemberSuffix.size());
    if (names.empty() || names.contains(name)) {
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

void check_all_read(const std::string& path, const std::set<std::string>& names,
                    const std::map<std::string, Tensor>& tensors, const std::vector<std::string>& others) {
  for (const std::string& name : names) {
    if (tensors.contains(name)) continue;
    std::string hint = did_you_mean(name, others);
    if (hint.empty() && !others.empty()) hint = fmt::format("; it holds {}", fmt::join(others, ", "));
    throw not_found(fmt::format("{}: holds no tensor '{}'{}", path, printable(name), printable(hint, 300)));
  }
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
