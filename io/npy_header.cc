#include "gradus/io/npy_header.h"

#include <fmt/format.h>

#include <cstring>
#include <limits>
#include <string_view>

namespace gradus::io {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kLargestHeader = std::size_t{1} << 20;

// Parses the one dictionary that a header consists of. Every error names the byte of the file.
class DictParser {
 public:
  DictParser(const ByteSource& source, std::uint64_t start, std::string_view text)
      : source_(source), start_(start), text_(text) {}

  NpyHeader parse() {
    expect('{');
    while (!accept('}')) {
      const std::size_t key_at = at_;
      const std::string_view key = parse_string();
      expect(':');
      if (key == "descr" && !has_descr_) {
        has_descr_ = true;
        parse_descr();
      } else if (key == "fortran_order" && !has_order_) {
        has_order_ = true;
        header_.fortran_order = parse_bool();
      } else if (key == "shape" && !has_shape_) {
        has_shape_ = true;
        parse_shape();
      } else {
        fail(key_at, fmt::format("unexpected or repeated key '{}'", printable(key)));
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (at_ != text_.size()) fail(at_, "text follows the dictionary");
    if (!has_descr_ || !has_order_ || !has_shape_) fail(0, "one of the keys descr, fortran_order, shape is missing");
    return header_;
  }

 private:
  [[noreturn]] void fail(std::size_t at, const std::string& text) const {
    source_.fail_at(start_ + at, "bad .npy header: " + text);
  }
  [[noreturn]] void unsupported(std::size_t at, const std::string& what) const {
    throw unimplemented(
        fmt::format("{}: offset {}: {}; supported: bool, int8 to int64, uint8 to uint32, float16, float32, "
                    "float64",
                    source_.name(), start_ + at, what));
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }
  bool accept(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(at_, fmt::format("expected '{}'", c));
  }
  std::string_view parse_string() {
    const char quote = accept('\'') ? '\'' : accept('"') ? '"' : '\0';
    if (quote == '\0') fail(at_, "expected a string");
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) fail(at_, "unterminated string");
    const std::string_view content = text_.substr(at_, end - at_);
    at_ = end + 1;
    return content;
  }
  bool parse_bool() {
    skip_space();
    for (const auto& [word, value] : {std::pair<std::string_view, bool>{"True", true}, {"False", false}}) {
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return value;
      }
    }
    fail(at_, "expected True or False");
  }
  std::int64_t parse_size() {
    skip_space();
    const std::size_t begin = at_;
    const bool negative = at_ < text_.size() && text_[at_] == '-';
    if (negative) ++at_;
    constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
    std::int64_t value = 0;
    std::size_t digits = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_, ++digits) {
      const std::int64_t digit = text_[at_] - '0';
      if (value > (kLargest - digit) / 10) fail(begin, "a size does not fit in 63 bits");
      value = value * 10 + digit;
    }
    if (digits == 0) fail(begin, "expected a size");
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote long integers this way
    if (negative) fail(begin, fmt::format("negative size -{}", value));
    return value;
  }
  void parse_shape() {
    expect('(');
    while (!accept(')')) {
      if (header_.shape.size() == 64) fail(at_, "more than 64 dimensions");
      header_.shape.push_back(parse_size());
      if (!accept(',')) {
        if (header_.shape.size() == 1) fail(at_, "expected ',': a tuple of one size has a comma");
        expect(')');
        break;
      }
    }
  }
  void parse_descr() {
    skip_space();
    const std::size_t begin = at_;
    if (at_ < text_.size() && (text_[at_] == '[' || text_[at_] == '(')) {
      unsupported(begin, "records (structured dtypes) are not supported");
    }
    const std::string_view descr = parse_string();
    const auto bad = [&] { unsupported(begin, fmt::format("dtype '{}' is not supported", printable(descr))); };
    if (descr.size() < 3 || std::string_view("<>|=").find(descr[0]) == std::string_view::npos) bad();
    header_.big_endian = descr[0] == '>';
    header_.kind = descr[1];
    header_.element_size = descr.size() == 3 ? static_cast<std::size_t>(descr[2] - '0') : 0;
    const std::string_view type = descr.substr(1);
    struct Known {
      std::string_view type;
      DType dtype;
    };
    static constexpr Known kKnown[] = {
        {"b1", DType::kBool},    {"u1", DType::kUInt8},   {"i1", DType::kInt32},   {"i2", DType::kInt32},
        {"u2", DType::kInt32},   {"i4", DType::kInt32},   {"u4", DType::kInt64},   {"i8", DType::kInt64},
        {"f2", DType::kFloat16}, {"f4", DType::kFloat32}, {"f8", DType::kFloat64},
    };
    for (const Known& known : kKnown) {
      if (known.type != type) continue;
      header_.dtype = known.dtype;
      return;
    }
    bad();
  }

  const ByteSource& source_;
  std::uint64_t start_;
  std::string_view text_;
  std::size_t at_ = 0;
  bool has_descr_ = false;
  bool has_order_ = false;
  bool has_shape_ = false;
  NpyHeader header_;
};

const char* npy_descr(DType dtype) {
  switch (dtype) {
    case DType::kFloat16: return "<f2";
    case DType::kFloat32: return "<f4";
    case DType::kFloat64: return "<f8";
    case DType::kInt32: return "<i4";
    case DType::kInt64: return "<i8";
    case DType::kUInt8: return "|u1";
    case DType::kBool: return "|b1";
  }
  throw internal_error("npy_descr: unknown dtype");
}

}  // namespace

NpyHeader read_npy_header(ByteSource& source) {
  const std::uint64_t begin = source.offset();
  unsigned char start[8];
  source.read(start, sizeof start, "the .npy magic and version");
  if (std::memcmp(start, kMagic.data(), kMagic.size()) != 0) source.fail_at(begin, "not an .npy file: wrong magic");
  const int major = start[6];
  if (major < 1 || major > 3 || start[7] != 0) {
    source.fail_at(begin + 6, fmt::format("unknown .npy version {}.{}", major, start[7]));
  }
  unsigned char raw[4] = {0, 0, 0, 0};
  source.read(raw, major == 1 ? 2 : 4, "the .npy header length");
  const std::size_t length = raw[0] | std::size_t{raw[1]} << 8 | std::size_t{raw[2]} << 16 | std::size_t{raw[3]} << 24;
  if (length > kLargestHeader || length > source.most_left()) {
    source.fail_at(begin + 8, fmt::format("the .npy header claims {} bytes, at most {} are left and {} allowed", length,
                                          source.most_left(), kLargestHeader));
  }
  std::string text(length, '\0');
  const std::uint64_t text_at = source.offset();
  source.read(text.data(), length, "the .npy header");
  return DictParser(source, text_at, text).parse();
}

std::string make_npy_header(DType dtype, const std::vector<std::int64_t>& shape) {
  // A tuple of one needs a comma: (3,)
  std::string dict = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", npy_descr(dtype),
                                 fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  constexpr std::size_t kBeforeDict = 10;  // magic, version, length
  const std::size_t total = (kBeforeDict + dict.size() + 1 + 63) / 64 * 64;
  dict.append(total - kBeforeDict - dict.size() - 1, ' ').push_back('\n');
  std::string header(kMagic);
  header += {'\x01', '\x00', static_cast<char>(dict.size() & 0xff), static_cast<char>(dict.size() >> 8)};
  return header + dict;
}

}  // namespace gradus::io
