#include "gradus/backends/cuda/cudnn/library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "gradus/backends/cuda/cudnn/cudnn.h"
#include "gradus/core/error.h"

namespace gradus::cudnn {
namespace {

namespace fs = std::filesystem;

constexpr const char* kName = "libcudnn.so.9";

// NVIDIA's wheel for Python (nvidia-cudnn-cu13) below `prefix`: lib/python3.*/site-packages/nvidia/cudnn/lib.
void add_wheels(std::vector<std::string>& places, const fs::path& prefix) {
  std::error_code ignored;
  for (const fs::directory_entry& python : fs::directory_iterator(prefix / "lib", ignored)) {
    if (!python.path().filename().string().starts_with("python3")) continue;
    for (const char* packages : {"site-packages", "dist-packages"}) {
      const fs::path file = python.path() / packages / "nvidia/cudnn/lib" / kName;
      if (fs::exists(file, ignored)) places.push_back(file.string());
    }
  }
}

// In this order: what GRADUS_CUDNN names, what the loader finds (LD_LIBRARY_PATH, ld.so.conf), where it was when Gradus was built, and
// wheels in the active environment of Python, in the user's and in the system's.
std::vector<std::string> places() {
  std::vector<std::string> places;
  if (const char* own = std::getenv("GRADUS_CUDNN"); own != nullptr && *own != '\0') {
    std::error_code ignored;
    return {fs::is_directory(own, ignored) ? (fs::path(own) / kName).string() : std::string(own)};
  }
  places.emplace_back(kName);
#ifdef GRADUS_CUDNN_FOLDER
  places.emplace_back(GRADUS_CUDNN_FOLDER "/libcudnn.so.9");
#endif
  for (const char* variable : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    if (const char* prefix = std::getenv(variable); prefix != nullptr) add_wheels(places, prefix);
  }
  if (const char* home = std::getenv("HOME"); home != nullptr) add_wheels(places, fs::path(home) / ".local");
  for (const char* prefix : {"/usr/local", "/usr"}) add_wheels(places, prefix);
  return places;
}

template <class Function>
bool resolve(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(handle, name));
  return function != nullptr;
}

bool resolve_all(void* handle, Library& l) {
#define GRADUS_RESOLVE(function) resolve(handle, "cudnn" #function, l.function)
  return GRADUS_RESOLVE(GetVersion) && GRADUS_RESOLVE(GetErrorString) && GRADUS_RESOLVE(GetLastErrorString) &&
         GRADUS_RESOLVE(Create) && GRADUS_RESOLVE(Destroy) && GRADUS_RESOLVE(SetStream) &&
         GRADUS_RESOLVE(BackendCreateDescriptor) && GRADUS_RESOLVE(BackendDestroyDescriptor) &&
         GRADUS_RESOLVE(BackendSetAttribute) && GRADUS_RESOLVE(BackendGetAttribute) &&
         GRADUS_RESOLVE(BackendFinalize) && GRADUS_RESOLVE(BackendExecute);
#undef GRADUS_RESOLVE
}

std::string version_text(std::size_t v) { return fmt::format("{}.{}.{}", v / 10000, v / 100 % 100, v % 100); }

// Plans know their device by its description, and give their JSON form, since this version.
constexpr std::size_t kLeastVersion = 91100;

// Once found it stays loaded: its code may be needed until the very end of a program.
FoundLibrary look_for_library() {
  static Library functions;
  FoundLibrary found;
  std::string first_error;
  for (const std::string& place : places()) {
    void* const handle = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      if (first_error.empty()) first_error = dlerror();
      continue;
    }
    Dl_info info{};
    found.path = dladdr(dlsym(handle, "cudnnGetVersion"), &info) != 0 ? info.dli_fname : place;
    if (!resolve_all(handle, functions)) {
      found.missing = fmt::format("{} lacks functions of cuDNN 9", found.path);
    } else if (functions.GetVersion() < kLeastVersion) {
      found.missing = fmt::format("{} is cuDNN {}; {} is needed at least", found.path,
                                  version_text(functions.GetVersion()), version_text(kLeastVersion));
    } else {
      found.missing.clear();
      found.library = &functions;
      return found;
    }
  }
  if (found.missing.empty()) {
    found.missing = fmt::format("cuDNN was not found ({}); GRADUS_CUDNN says where {} is", first_error, kName);
  }
  return found;
}

}  // namespace

const FoundLibrary& find_library() {
  static const FoundLibrary found = look_for_library();
  return found;
}

const Library& library() {
  const FoundLibrary& found = find_library();
  if (found.library == nullptr) throw unavailable(found.missing);
  return *found.library;
}

std::string last_error() {
  std::string text(1024, '\0');
  library().GetLastErrorString(text.data(), text.size());
  text.resize(std::min(text.find('\0'), text.size()));
  std::replace(text.begin(), text.end(), '\n', ' ');
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

void check(cudnnStatus_t status, const char* call) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  Code code = Code::kInternal;
  switch (status / 1000) {  // how cuDNN groups them
    case 1: code = Code::kUnavailable; break;
    case 2: code = Code::kInvalidArgument; break;
    case 3: code = Code::kUnimplemented; break;
    default: break;
  }
  if (status == CUDNN_STATUS_ALLOC_FAILED) code = Code::kResourceExhausted;
  throw Error(code, fmt::format("{}: {} ({}): {}", call, library().GetErrorString(status), static_cast<int>(status),
                                last_error()));
}

Found find() {
  const FoundLibrary& found = find_library();
  if (found.library == nullptr) return {.missing = found.missing};
  return {.version = version_text(found.library->GetVersion()), .path = found.path};
}

}  // namespace gradus::cudnn
