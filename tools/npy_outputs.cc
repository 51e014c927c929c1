#include "tools/npy_outputs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>

#include "gradus/core/atomic_file.h"
#include "gradus/io/npy_data.h"

namespace gradus::tools {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw invalid_argument(fmt::format("cannot write '{}': {}", path, why));
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

}  // namespace

void check_output_paths(const std::vector<std::string>& paths) {
  std::set<fs::path> seen;
  for (const std::string& path : paths) {
    if (path.empty()) refuse(path, "the name is empty");
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (fs::is_directory(status)) refuse(path, "it is a directory");
    if (fs::exists(status) && !fs::is_regular_file(status)) refuse(path, "it is not a regular file");
    const fs::path folder = folder_of(follow_links(path));
    if (!fs::is_directory(folder, error)) refuse(path, fmt::format("there is no directory '{}'", folder.string()));
    if (::access(folder.c_str(), W_OK) != 0) refuse(path, std::strerror(errno));
    if (!seen.insert(fs::weakly_canonical(fs::absolute(path), error)).second) refuse(path, "it is given twice");
  }
}

void write_outputs(const std::vector<std::string>& paths, const std::vector<Tensor>& tensors) {
  std::vector<std::unique_ptr<AtomicFile>> files;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const std::string header = io::npy_header_of(tensors[i], paths[i]);
    files.push_back(std::make_unique<AtomicFile>(paths[i], Durability::kDurable));
    io::write_npy(header, tensors[i], files.back().get());
  }
  for (const auto& file : files) file->commit();
}

}  // namespace gradus::tools
