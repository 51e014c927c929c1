#include "tools/npy_outputs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "gradus/io/npy.h"

namespace gradus::tools {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw invalid_argument(fmt::format("cannot write '{}': {}", path, why));
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

// Removes the files that were not renamed.
class Temporaries {
 public:
  ~Temporaries() {
    for (const std::string& path : paths_) ::unlink(path.c_str());
  }
  std::string add(const std::string& destination) {
    paths_.push_back(fmt::format("{}.{}.part", destination, static_cast<long>(::getpid())));
    return paths_.back();
  }

 private:
  std::vector<std::string> paths_;
};

}  // namespace

void check_output_paths(const std::vector<std::string>& paths) {
  std::set<fs::path> seen;
  for (const std::string& path : paths) {
    if (path.empty()) refuse(path, "the name is empty");
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (fs::is_directory(status)) refuse(path, "it is a directory");
    if (fs::exists(status) && !fs::is_regular_file(status)) refuse(path, "it is not a regular file");
    const fs::path folder = folder_of(path);
    if (!fs::is_directory(folder, error)) refuse(path, fmt::format("there is no directory '{}'", folder.string()));
    if (::access(folder.c_str(), W_OK) != 0) refuse(path, std::strerror(errno));
    if (!seen.insert(fs::weakly_canonical(fs::absolute(path), error)).second) refuse(path, "it is given twice");
  }
}

void write_outputs(const std::vector<std::string>& paths, const std::vector<Tensor>& tensors) {
  Temporaries temporaries;
  std::vector<std::string> written;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    written.push_back(temporaries.add(paths[i]));
    io::save_npy(written.back(), tensors[i]);
  }
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (std::rename(written[i].c_str(), paths[i].c_str()) != 0) refuse(paths[i], std::strerror(errno));
  }
}

}  // namespace gradus::tools
