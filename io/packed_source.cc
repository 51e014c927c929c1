// gzip files, deflate streams and checksums, by zlib.
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>

#include "gradus/io/byte_source.h"

namespace gradus::io {
namespace {

class InflateSource : public ByteSource {
 public:
  InflateSource(std::shared_ptr<const File> file, std::uint64_t begin, std::uint64_t end, Packing packing,
                std::string name)
      : ByteSource(std::move(name)),
        file_(std::move(file)),
        position_(begin),
        end_(end),
        gzip_(packing == Packing::kGzip) {
    if (inflateInit2(&stream_, gzip_ ? 15 + 16 : -15) != Z_OK) {
      throw Error(Code::kResourceExhausted, "zlib cannot start unpacking");
    }
  }
  ~InflateSource() override { inflateEnd(&stream_); }
  InflateSource(const InflateSource&) = delete;
  InflateSource& operator=(const InflateSource&) = delete;

  // Up to the window (32 KiB) may be inside zlib already.
  std::uint64_t most_left() const override { return (packed_left() + 1) * kLargestDeflateFactor + 65536; }
  bool packed() const override { return true; }

 protected:
  std::size_t read_some(void* to, std::size_t bytes) override {
    const uInt wanted = static_cast<uInt>(std::min<std::size_t>(bytes, std::size_t{1} << 30));
    stream_.next_out = static_cast<Bytef*>(to);
    stream_.avail_out = wanted;
    while (stream_.avail_out == wanted) {
      if (ended_ && !next_member()) return 0;
      if (stream_.avail_in == 0) refill();
      const int result = inflate(&stream_, Z_NO_FLUSH);
      if (result == Z_STREAM_END) {
        ended_ = true;
      } else if (result == Z_MEM_ERROR) {
        throw Error(Code::kResourceExhausted, name() + ": zlib is out of memory");
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        corrupt(stream_.msg != nullptr ? stream_.msg : "not a packed stream");
      } else if (stream_.avail_out == wanted && stream_.avail_in == 0 && position_ == end_) {
        corrupt("the packed stream is truncated");
      }
    }
    return wanted - stream_.avail_out;
  }

 private:
  std::uint64_t packed_left() const { return end_ - position_ + stream_.avail_in; }

  [[noreturn]] void corrupt(const std::string& text) const {
    throw data_loss(fmt::format("{}: offset {}: {}", name(), position_ - stream_.avail_in, text));
  }

  void refill() {
    const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(input_.size(), end_ - position_));
    const std::size_t got = file_->read_at(position_, input_.data(), wanted);
    if (got < wanted) end_ = position_ + got;  // the file shrank while it was read
    position_ += got;
    stream_.next_in = input_.data();
    stream_.avail_in = static_cast<uInt>(got);
  }

  // After the end of a stream: false when nothing follows; a further gzip member is unpacked too; anything else is an
  // error.
  bool next_member() {
    if (packed_left() == 0) return false;
    unsigned char magic[2] = {0, 0};
    file_->read_at(position_ - stream_.avail_in, magic, 2);
    if (!gzip_ || magic[0] != 0x1f || magic[1] != 0x8b) corrupt("bytes follow where the packed stream ends");
    inflateReset(&stream_);
    ended_ = false;
    return true;
  }

  std::shared_ptr<const File> file_;
  std::uint64_t position_;
  std::uint64_t end_;
  bool gzip_;
  bool ended_ = false;
  z_stream stream_{};
  std::array<Bytef, 65536> input_{};
};

}  // namespace

class ChecksumSource : public ByteSource {
 public:
  ChecksumSource(std::unique_ptr<ByteSource> inner, std::uint64_t size, std::uint32_t crc)
      : ByteSource(inner->name()), inner_(std::move(inner)), size_(size), left_(size), expected_(crc) {}
  std::uint64_t most_left() const override { return left_; }
  bool packed() const override { return inner_->packed(); }

 protected:
  std::size_t read_some(void* to, std::size_t bytes) override {
    const std::size_t got = inner_->read_some(to, std::min<std::size_t>(bytes, std::size_t{1} << 30));
    if (got > left_) fail(fmt::format("more than the declared {} bytes", size_));
    left_ -= got;
    crc_ = static_cast<std::uint32_t>(crc32(crc_, static_cast<const Bytef*>(to), static_cast<uInt>(got)));
    if (got == 0 && bytes > 0) {
      if (left_ != 0) fail(fmt::format("truncated: {} of the declared {} bytes are missing", left_, size_));
      if (crc_ != expected_)
        fail(fmt::format("the CRC-32 of the data is {:08x}, but {:08x} is recorded", crc_, expected_));
    }
    return got;
  }

 private:
  std::unique_ptr<ByteSource> inner_;
  std::uint64_t size_;
  std::uint64_t left_;
  std::uint32_t expected_;
  std::uint32_t crc_ = 0;
};

std::unique_ptr<ByteSource> open_packed(std::shared_ptr<const File> file, std::uint64_t begin, std::uint64_t end,
                                        Packing packing, std::string name) {
  return std::make_unique<InflateSource>(std::move(file), begin, end, packing, std::move(name));
}

std::unique_ptr<ByteSource> with_checksum(std::unique_ptr<ByteSource> inner, std::uint64_t size, std::uint32_t crc) {
  return std::make_unique<ChecksumSource>(std::move(inner), size, crc);
}

}  // namespace gradus::io
