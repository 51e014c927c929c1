#include "gradus/io/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <set>
#include <string_view>

#include "gradus/io/npy_data.h"

namespace gradus::io {
namespace {

struct NpyHeader {
  char kind = 'f';               // b bool, i signed, u unsigned, f floating
  std::size_t element_size = 4;  // bytes per element in the file
  bool big_endian = false;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
  // Of the tensor: the file's own type, or the next wider one (int8, int16, uint16, uint32).
  DType dtype = DType::kFloat32;
};

// Types as headers spell them.
struct NpyType {
  std::string_view name;
  DType dtype;
};
constexpr NpyType kNpyTypes[] = {
    {"b1", DType::kBool},    {"u1", DType::kUInt8},   {"i1", DType::kInt32},   {"i2", DType::kInt32},
    {"u2", DType::kInt32},   {"i4", DType::kInt32},   {"u4", DType::kInt64},   {"i8", DType::kInt64},
    {"f2", DType::kFloat16}, {"f4", DType::kFloat32}, {"f8", DType::kFloat64},
};

// A header is a magic string, a version, and a Python dictionary literal with the keys descr, fortran_order and shape (NumPy
// Enhancement Proposal 1 and the documentation of numpy.lib.format).
constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kLargestHeader = std::size_t{1} << 20;

// Parses the one dictionary that a header consists of. Every error names the byte of the file.
class DictParser {
 public:
  DictParser(const ByteSource& source, std::uint64_t start, std::string_view text)
      : source_(source), start_(start), text_(text) {}

  NpyHeader parse() {
    std::set<std::string_view> seen;
    expect('{');
    while (!accept('}')) {
      const std::size_t key_at = at_;
      const std::string_view key = parse_string();
      expect(':');
      const bool is_new = seen.insert(key).second;
      if (is_new && key == "descr") {
        parse_descr();
      } else if (is_new && key == "fortran_order") {
        header_.fortran_order = parse_bool();
      } else if (is_new && key == "shape") {
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
    if (seen.size() != 3) fail(0, "one of the keys descr, fortran_order, shape is missing");
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
  // Whether the next character is one of these.
  bool next_is(std::string_view characters) const {
    return at_ < text_.size() && characters.find(text_[at_]) != std::string_view::npos;
  }
  void skip_space() {
    while (next_is(" \n\t")) ++at_;
  }
  bool accept(char c) {
    skip_space();
    const bool is_next = next_is({&c, 1});
    if (is_next) ++at_;
    return is_next;
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
    const bool negative = next_is("-");
    if (negative) ++at_;
    std::uint64_t value = 0;  // unsigned, so that a second sign is no part of it
    const char* const digits = text_.data() + at_;
    const auto [end, error] = std::from_chars(digits, text_.data() + text_.size(), value);
    if (end == digits) fail(begin, "expected a size");
    if (error != std::errc() || value > INT64_MAX) fail(begin, "a size does not fit in 63 bits");
    at_ += static_cast<std::size_t>(end - digits);
    if (next_is("L")) ++at_;  // Python 2 wrote long integers this way
    if (negative) fail(begin, fmt::format("negative size -{}", value));
    return static_cast<std::int64_t>(value);
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
    if (next_is("[(")) unsupported(begin, "records (structured dtypes) are not supported");
    const std::string_view descr = parse_string();
    const auto bad = [&] { unsupported(begin, fmt::format("dtype '{}' is not supported", printable(descr))); };
    if (descr.size() < 3 || std::string_view("<>|=").find(descr[0]) == std::string_view::npos) bad();
    header_.big_endian = descr[0] == '>';
    header_.kind = descr[1];
    header_.element_size = descr.size() == 3 ? static_cast<std::size_t>(descr[2] - '0') : 0;
    const auto* known = std::ranges::find(kNpyTypes, descr.substr(1), &NpyType::name);
    if (known == std::end(kNpyTypes)) bad();
    header_.dtype = known->dtype;
  }

  const ByteSource& source_;
  std::uint64_t start_;
  std::string_view text_;
  std::size_t at_ = 0;
  NpyHeader header_;
};

// Versions 1.0, 2.0 and 3.0; leaves the source at the first byte of data. Throws DataLoss for anything malformed, and Unimplemented
// for a well-formed type without a counterpart here (complex, uint64, strings, objects, records).
NpyHeader read_npy_header(ByteSource& source) {
  const std::uint64_t begin = source.offset();
  unsigned char start[8];
  source.read(start, sizeof start, "the .npy magic and version");
  if (std::memcmp(start, kMagic.data(), kMagic.size()) != 0) source.fail_at(begin, "not an .npy file: wrong magic");
  const int major = start[6];
  if (major < 1 || major > 3 || start[7] != 0) {
    source.fail_at(begin + 6, fmt::format("unknown .npy version {}.{}", major, start[7]));
  }
  const std::size_t length = source.read_integer(major == 1 ? 2 : 4, std::endian::little, "the .npy header length");
  if (length > kLargestHeader || length > source.most_left()) {
    source.fail_at(begin + 8, fmt::format("the .npy header claims {} bytes, at most {} are left and {} allowed", length,
                                          source.most_left(), kLargestHeader));
  }
  std::string text(length, '\0');
  const std::uint64_t text_at = source.offset();
  source.read(text.data(), length, "the .npy header");
  return DictParser(source, text_at, text).parse();
}

static_assert(std::endian::native == std::endian::little, "the writers store memory as it lies: little-endian");

void swap_bytes(char* data, std::int64_t count, std::size_t size) {
  for (std::int64_t i = 0; i < count; ++i, data += size) std::reverse(data, data + size);
}

template <class From>
void widen(const void* from, Tensor* to) {
  const From* values = static_cast<const From*>(from);
  visit_dtype(to->dtype(), [&]<class To>(TypeTag<To>) {
    if constexpr (std::is_integral_v<To>) {
      for (To& element : to->flat<To>()) element = static_cast<To>(*values++);
    }
  });
}

// First index fastest to last index fastest.
Tensor from_fortran_order(const Tensor& source) {
  const int rank = source.shape().rank();
  Tensor result(source.dtype(), source.shape());
  const std::size_t size = dtype_size(source.dtype());
  std::int64_t stride[Shape::kMaxRank] = {};  // of each axis in the source, in elements
  std::int64_t index[Shape::kMaxRank] = {};
  stride[0] = 1;
  for (int axis = 1; axis < rank; ++axis) stride[axis] = stride[axis - 1] * source.shape()[axis - 1];
  const char* from = static_cast<const char*>(source.raw());
  char* to = static_cast<char*>(result.raw());
  std::int64_t position = 0;
  for (std::int64_t i = 0; i < source.num_elements(); ++i, to += size) {
    std::memcpy(to, from + static_cast<std::size_t>(position) * size, size);
    for (int axis = rank - 1; axis >= 0; --axis) {
      position += stride[axis];
      if (++index[axis] < source.shape()[axis]) break;
      position -= stride[axis] * index[axis];
      index[axis] = 0;
    }
  }
  return result;
}

}  // namespace

void check_bools(const ByteSource& source, std::uint64_t data_at, const void* data, std::uint64_t count) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (bytes[i] > 1) source.fail_at(data_at + i, fmt::format("a bool of value {}", bytes[i]));
  }
}

Tensor read_npy(ByteSource& source) {
  const std::uint64_t begin = source.offset();
  const NpyHeader header = read_npy_header(source);
  const std::uint64_t data_at = source.offset();
  const Buffer buffer = read_last_array(source, begin, header.shape, header.element_size, "array data");
  const Shape shape(header.shape);
  const std::int64_t count = shape.num_elements();
  if (header.big_endian && header.element_size > 1) {
    swap_bytes(static_cast<char*>(buffer.get()), count, header.element_size);
  }
  if (header.kind == 'b') check_bools(source, data_at, buffer.get(), static_cast<std::uint64_t>(count));

  Tensor tensor;
  if (header.element_size == dtype_size(header.dtype)) {
    tensor = Tensor(buffer, 0, header.dtype, shape);
  } else {
    tensor = Tensor(header.dtype, shape);
    const bool is_signed = header.kind == 'i';
    switch (header.element_size) {
      case 1: widen<std::int8_t>(buffer.get(), &tensor); break;
      case 2:
        is_signed ? widen<std::int16_t>(buffer.get(), &tensor) : widen<std::uint16_t>(buffer.get(), &tensor);
        break;
      default: widen<std::uint32_t>(buffer.get(), &tensor); break;
    }
  }
  return header.fortran_order && shape.rank() > 1 ? from_fortran_order(tensor) : tensor;
}

// Version 1.0, of a C-order little-endian array; the length is a multiple of 64.
std::string npy_header_of(const Tensor& tensor, const std::string& what) {
  if (!tensor.defined()) throw invalid_argument(fmt::format("{}: the tensor was never given a value", what));
  const Shape& shape = tensor.shape();
  if (tensor.dtype() == DType::kBFloat16) {
    throw unimplemented(
        fmt::format("{}: NumPy has no bfloat16: cast the tensor to float32, which is exact, or save it as safetensors, "
                    "which have bfloat16",
                    what));
  }
  const std::size_t size = dtype_size(tensor.dtype());
  const auto* type = std::ranges::find_if(kNpyTypes, [&](const NpyType& known) {
    return known.dtype == tensor.dtype() && known.name[1] == static_cast<char>('0' + size);  // not one that is widened
  });
  if (type == std::end(kNpyTypes))
    throw internal_error("npy_header_of: no type of the file for " + std::string(dtype_name(tensor.dtype())));
  // A tuple of one needs a comma: (3,)
  std::string dict =
      fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}{}), }}", size == 1 ? '|' : '<', type->name,
                  fmt::join(shape, ", "), shape.rank() == 1 ? "," : "");
  constexpr std::size_t kBeforeDict = 10;  // magic, version, length
  const std::size_t total = (kBeforeDict + dict.size() + 1 + 63) / 64 * 64;
  dict.append(total - kBeforeDict - dict.size() - 1, ' ').push_back('\n');
  std::string header(kMagic);
  header += {'\x01', '\x00', static_cast<char>(dict.size() & 0xff), static_cast<char>(dict.size() >> 8)};
  return header + dict;
}

void write_npy(const std::string& header, const Tensor& tensor, AtomicFile* file) {
  file->write(header);
  file->write(tensor.raw(), tensor.bytes());
}

Tensor load_npy(const std::string& path) { return read_npy(*open_file(path)); }

void save_npy(const std::string& path, const Tensor& tensor) {
  const std::string header = npy_header_of(tensor, path);  // before the file is begun
  AtomicFile file(path, Durability::kDurable);
  write_npy(header, tensor, &file);
  file.commit();
}

}  // namespace gradus::io
