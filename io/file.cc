#include "gradus/io/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "gradus/core/error.h"

namespace gradus::io {
namespace {

constexpr std::string_view kTemporaryMark = ".gradus-tmp-";

std::string directory_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

std::shared_ptr<const File> File::open(const std::string& path) {
  const int descriptor =
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // non-blocking: do not wait on a FIFO
  if (descriptor < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) throw not_found(fmt::format("{}: no such file", path));
    throw invalid_argument(fmt::format("{}: cannot be opened: {}", path, std::strerror(error)));
  }
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    throw invalid_argument(fmt::format("{}: is not a regular file", path));
  }
  return std::shared_ptr<const File>(new File(path, descriptor, static_cast<std::uint64_t>(status.st_size)));
}

File::File(std::string path, int descriptor, std::uint64_t size)
    : path_(std::move(path)), descriptor_(descriptor), size_(size) {}

File::~File() { ::close(descriptor_); }

std::size_t File::read_at(std::uint64_t offset, void* to, std::size_t bytes) const {
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t got =
        ::pread(descriptor_, static_cast<char*>(to) + done, bytes - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(offset + done, fmt::format("cannot be read: {}", std::strerror(errno)));
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void File::fail(std::uint64_t offset, const std::string& text) const {
  throw data_loss(fmt::format("{}: offset {}: {}", path_, offset, text));
}

AtomicFile::AtomicFile(const std::string& path, Durability durability) : path_(path), durability_(durability) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    throw invalid_argument(fmt::format("{}: cannot be written: it is not a regular file", path));
  }
  static std::atomic<unsigned> counter{0};
  do {  // another machine's process on the same disk may have the same id
    temporary_ = fmt::format("{}{}{}-{}", path, kTemporaryMark, ::getpid(), counter++);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (descriptor_ < 0 && errno == EEXIST);
  if (descriptor_ < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) {
      throw not_found(fmt::format("{}: cannot be written: there is no directory {}", path, directory_of(path)));
    }
    throw invalid_argument(fmt::format("{}: cannot be written: {}", path, std::strerror(error)));
  }
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
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("renaming", errno);
  temporary_.clear();
  if (durable) sync_directory(directory_of(path_));  // the rename itself lives in the directory
}

bool is_temporary_name(std::string_view file_name) { return file_name.find(kTemporaryMark) != std::string_view::npos; }

bool file_exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

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

std::string join_path(const std::string& directory, std::string_view name) {
  std::string path = directory.empty() ? "." : directory;
  if (path.back() != '/') path += '/';
  return path.append(name);
}

}  // namespace gradus::io
