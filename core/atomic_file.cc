#include "gradus/core/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "gradus/core/error.h"
#include "gradus/core/printable.h"

namespace gradus {
namespace {

constexpr std::string_view kTemporaryMark = ".gradus-tmp-";
constexpr int kMostLinks = 40;  // as Linux follows
constexpr mode_t kPermissions = 0777;

std::string directory_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

void check_path(const std::string& path) {
  if (path.empty()) throw invalid_argument("the path of a file is empty");
  if (path.find('\0') != std::string::npos) {
    throw invalid_argument(fmt::format("the path of a file has a zero byte in it: '{}'", printable(path, 300)));
  }
}

std::string follow_links(const std::string& path) {
  std::string at = path;
  for (int links = 0; links <= kMostLinks; ++links) {
    std::error_code error;
    const std::string target = std::filesystem::read_symlink(at, error).string();
    if (error) return at;  // no link
    at = target.starts_with('/') ? target : fmt::format("{}/{}", directory_of(at), target);
  }
  throw invalid_argument(fmt::format("{}: its symbolic links lead in a circle", path));
}

AtomicFile::AtomicFile(const std::string& path, Durability durability)
    : path_(path), target_((check_path(path), follow_links(path))), durability_(durability) {
  struct stat status {};
  const bool exists = ::stat(target_.c_str(), &status) == 0;
  if (exists && !S_ISREG(status.st_mode)) {
    throw invalid_argument(fmt::format("{}: cannot be written: it is not a regular file", path));
  }
  // Renaming would need no permission for the file itself; who protected it did not want it replaced.
  if (exists && ::access(target_.c_str(), W_OK) != 0) {
    throw invalid_argument(fmt::format("{}: cannot be written: {}", path, std::strerror(errno)));
  }
  static std::atomic<unsigned> counter{0};
  do {  // another machine's process on the same disk may have the same id
    temporary_ = fmt::format("{}{}{}-{}", target_, kTemporaryMark, ::getpid(), counter++);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (descriptor_ < 0 && errno == EEXIST);
  if (descriptor_ < 0) {
    const int error = errno;
    temporary_.clear();
    if (error == ENOENT || error == ENOTDIR) {
      throw not_found(fmt::format("{}: cannot be written: there is no directory {}", path, directory_of(target_)));
    }
    throw invalid_argument(fmt::format("{}: cannot be written: {}", path, std::strerror(error)));
  }
  // Some file systems have no permissions; then there are none to keep.
  if (exists) (void)!::fchmod(descriptor_, status.st_mode & kPermissions);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::fail(const char* what, int error) const {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  const Code code = full ? Code::kResourceExhausted : Code::kInvalidArgument;
  throw Error(code, fmt::format("{}: offset {}: {} failed: {}", path_, offset_, what, std::strerror(error)));
}

void AtomicFile::write(const void* data, std::size_t bytes) {
  const char* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t put = ::write(descriptor_, from, bytes);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail("writing", errno);
    from += put;
    bytes -= static_cast<std::size_t>(put);
    offset_ += static_cast<std::uint64_t>(put);
  }
}

void AtomicFile::commit() {
  const bool durable = durability_ == Durability::kDurable;
  if (durable && ::fsync(descriptor_) != 0) fail("fsync", errno);
  const int closed = ::close(descriptor_);
  descriptor_ = -1;
  if (closed != 0) fail("closing", errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("renaming", errno);
  temporary_.clear();
  if (durable) sync_directory(directory_of(target_));  // the rename itself lives in the directory
}

bool is_temporary_name(std::string_view file_name) { return file_name.find(kTemporaryMark) != std::string_view::npos; }

void sync_directory(const std::string& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int synced = descriptor < 0 ? -1 : ::fsync(descriptor);
  const int error = errno;
  if (descriptor >= 0) ::close(descriptor);
  // EINVAL: this file system has no such thing; EACCES: a directory that may be written to but not read.
  if (synced != 0 && error != EINVAL && error != EACCES) {
    throw invalid_argument(fmt::format("{}: fsync of the directory failed: {}", directory, std::strerror(error)));
  }
}

}  // namespace gradus
