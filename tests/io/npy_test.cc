// .npy files: fixtures are written out byte by byte from the format's definition.
#include "gradus/io/npy.h"

#include "tests/io/io_test_support.h"

namespace gradus::io {
namespace {

using io_test::bytes;
using io_test::expect_error;
using io_test::TemporaryDirectory;
using io_test::write_file;

std::string npy(int major, const std::string& header, const std::string& data) {
  std::string length = {static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  if (major > 1) length += bytes("\0\0");
  return "\x93NUMPY" + std::string{static_cast<char>(major), '\0'} + length + header + data;
}

std::string dict(const std::string& descr, const std::string& order, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }          \n";
}

class NpyTest : public ::testing::Test {
 protected:
  Tensor load(const std::string& content) {
    write_file(path_, content);
    return load_npy(path_);
  }
  TemporaryDirectory directory_;
  std::string path_ = directory_.file("a.npy");
};

// 1.0f is 3f800000, 2.0f 40000000, -3.0f c0400000, 0.5f 3f000000
const std::string kLittle = bytes("\x00\x00\x80\x3f\x00\x00\x00\x40\x00\x00\x40\xc0\x00\x00\x00\x3f");
const std::string kBig = bytes("\x3f\x80\x00\x00\x40\x00\x00\x00\xc0\x40\x00\x00\x3f\x00\x00\x00");

TEST_F(NpyTest, ReadsEveryVersionAndByteOrder) {
  const Tensor expected = Tensor::from<float>({2, 2}, {1.0F, 2.0F, -3.0F, 0.5F});
  for (int version : {1, 2, 3}) {
    EXPECT_TRUE(bit_equal(load(npy(version, dict("<f4", "False", "(2, 2)"), kLittle)), expected)) << version;
    EXPECT_TRUE(bit_equal(load(npy(version, dict(">f4", "False", "(2, 2)"), kBig)), expected)) << version;
  }
}

TEST_F(NpyTest, ReadsFortranOrder) {
  // The file holds column after column: 1,2 is the first column of [[1,-3],[2,0.5]].
  EXPECT_TRUE(bit_equal(load(npy(1, dict("<f4", "True", "(2, 2)"), kLittle)),
                        Tensor::from<float>({2, 2}, {1.0F, -3.0F, 2.0F, 0.5F})));
  // Of shape (2,1,3), element (i,0,k) lies at i + 2k: the rows are bytes 0,2,4 and 1,3,5.
  EXPECT_TRUE(bit_equal(load(npy(1, dict("|u1", "True", "(2, 1, 3)"), bytes("\0\1\2\3\4\5"))),
                        Tensor::from<std::uint8_t>({2, 1, 3}, {0, 2, 4, 1, 3, 5})));
  EXPECT_TRUE(bit_equal(load(npy(1, dict(">i4", "True", "(3,)"), bytes("\0\0\0\1\0\0\0\2\xff\xff\xff\xff"))),
                        Tensor::from<std::int32_t>({3}, {1, 2, -1})));
}

TEST_F(NpyTest, KeepsOrWidensEachType) {
  EXPECT_TRUE(bit_equal(load(npy(1, dict("|b1", "False", "(2,)"), bytes("\1\0"))),
                        Tensor::from<std::uint8_t>({2}, {1, 0}).cast(DType::kBool)));
  EXPECT_TRUE(bit_equal(load(npy(1, dict("|i1", "False", "(2,)"), bytes("\xff\x7f"))),
                        Tensor::from<std::int32_t>({2}, {-1, 127})));
  EXPECT_TRUE(bit_equal(load(npy(1, dict("<i2", "False", "(2,)"), bytes("\xfe\xff\x02\x01"))),
                        Tensor::from<std::int32_t>({2}, {-2, 258})));
  EXPECT_TRUE(bit_equal(load(npy(1, dict(">u2", "False", "(2,)"), bytes("\xff\xfe\x00\x03"))),
                        Tensor::from<std::int32_t>({2}, {65534, 3})));
  EXPECT_TRUE(bit_equal(load(npy(1, dict("<u4", "False", "(1,)"), bytes("\xff\xff\xff\xff"))),
                        Tensor::from<std::int64_t>({1}, {4294967295})));
  EXPECT_TRUE(bit_equal(load(npy(1, dict(">i8", "False", "(1,)"), bytes("\xff\xff\xff\xff\xff\xff\xff\xfd"))),
                        Tensor::from<std::int64_t>({1}, {-3})));
  EXPECT_TRUE(bit_equal(load(npy(1, dict("<f8", "False", "()"), bytes("\0\0\0\0\0\0\xf0\xbf"))), Tensor::scalar(-1.0)));
  EXPECT_EQ(load(npy(1, dict(">f2", "False", "()"), bytes("\x3c\x00"))).item<Float16>(), Float16(1.0));
  const Tensor empty = load(npy(1, dict("<f4", "False", "(0, 3)"), ""));
  EXPECT_EQ(empty.shape(), (Shape{0, 3}));
}

TEST_F(NpyTest, ReadsOtherSpellingsOfTheHeader) {
  const Tensor expected = Tensor::from<std::uint8_t>({2}, {7, 9});
  for (const char* header : {"{\"shape\": (2,), \"descr\": \"|u1\", \"fortran_order\": False}\n",
                             "{'shape':(2,),'descr':'|u1','fortran_order':True}",
                             "  {'fortran_order': False, 'shape': (2L,), 'descr': '>u1',}"}) {
    EXPECT_TRUE(bit_equal(load(npy(1, header, "\x07\x09")), expected)) << header;
  }
}

TEST_F(NpyTest, RoundTripsEveryTypeAndShape) {
  for (DType dtype :
       {DType::kFloat16, DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kInt64, DType::kUInt8, DType::kBool}) {
    for (const Shape& shape :
         {Shape{}, Shape{1}, Shape{0}, Shape{2, 0, 3}, Shape{5, 7}, Shape{1, 2, 1, 2, 1, 2, 1, 2}}) {
      const Tensor tensor = random_uniform_tensor(DType::kFloat64, shape, 3, 0.0, 200.0).cast(dtype);
      save_npy(path_, tensor);
      EXPECT_TRUE(bit_equal(load_npy(path_), tensor)) << tensor.to_string();
      EXPECT_EQ(io_test::read_file(path_).size() % 64, tensor.bytes() % 64) << "data should begin at a multiple of 64";
    }
  }
  EXPECT_EQ(directory_.names(), (std::vector<std::string>{"a.npy"})) << "no temporary file may remain";
}

TEST_F(NpyTest, BFloat16IsRefusedWithWhatToDo) {
  expect_error(Code::kUnimplemented, {path_, "NumPy has no bfloat16: cast the tensor to float32", "safetensors"},
               [&] { save_npy(path_, Tensor::zeros(DType::kBFloat16, {2})); });
  expect_error(Code::kUnimplemented, {path_ + "(w)", "NumPy has no bfloat16"}, [&] {
    save_npz(path_, {{"w", Tensor::zeros(DType::kBFloat16, {2})}});
  });
  EXPECT_TRUE(directory_.names().empty()) << "no file was begun";
}

TEST_F(NpyTest, WritesExactlyTheDocumentedBytes) {
  save_npy(path_, Tensor::from<std::int32_t>({2}, {1, -2}));
  std::string header = "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }";
  header.append(128 - 10 - 1 - header.size(), ' ').push_back('\n');
  EXPECT_EQ(io_test::read_file(path_), bytes("\x93NUMPY\x01\x00\x76\x00") + header + bytes("\1\0\0\0\xfe\xff\xff\xff"));
}

TEST_F(NpyTest, RefusesTypesWithoutACounterpartByName) {
  for (const char* descr : {"<u8", "<c8", "<c16", "|S5", "<U3", "|O", "<M8[ns]", "<f16", "|V4", "f4", ""}) {
    expect_error(Code::kUnimplemented, {path_, "offset 20", descr, "supported: bool, int8"},
                 [&] { load(npy(1, dict(descr, "False", "(2,)"), std::string(64, '\0'))); });
  }
  expect_error(Code::kUnimplemented, {path_, "records"}, [&] {
    load(npy(1, "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2,)}", std::string(8, '\0')));
  });
  expect_error(Code::kUnimplemented, {path_, "records"}, [&] {
    load(npy(1, "{'descr': ('<f4', (2,)), 'fortran_order': False, 'shape': (1,)}", std::string(8, '\0')));
  });
  expect_error(Code::kUnimplemented, {path_, "9 dimensions"},
               [&] { load(npy(1, dict("|u1", "False", "(1,1,1,1,1,1,1,1,1)"), "x")); });
}

TEST_F(NpyTest, RefusesDamagedFilesWithTheOffset) {
  const std::string good = dict("<f4", "False", "(2, 2)");
  struct Case {
    std::string content;
    std::vector<std::string> parts;
  };
  const std::vector<Case> cases = {
      {"", {"offset 0", "truncated"}},
      {npy(1, good, kLittle.substr(1)), {"offset 0", "declares 16 bytes", "only 15 bytes are left"}},
      {npy(1, good, kLittle + "x"), {fmt::format("offset {}", 10 + good.size() + 16), "1 bytes follow"}},
      {"\x93NUMPX" + npy(1, good, kLittle).substr(6), {"offset 0", "magic"}},
      {npy(4, good, kLittle), {"offset 6", "version 4.0"}},
      {npy(1, dict("<f4", "False", "(-2, 2)"), kLittle), {"negative size -2"}},
      {npy(1, dict("<f4", "False", "(9223372036854775807, 9)"), kLittle), {"63 bits"}},
      {npy(1, dict("<f4", "False", "(99999999999999999999,)"), kLittle), {"63 bits"}},
      {npy(1, dict("<f4", "False", "(1000000000000,)"), kLittle), {"declares 4000000000000 bytes"}},
      {npy(1, dict("<f4", "False", "(4611686018427387904, 4611686018427387904, 0)"), ""), {"63 bits"}},
      {npy(1, dict("<f4", "False", "(4)"), kLittle), {"a tuple of one size has a comma"}},
      {npy(1, dict("<f4", "Maybe", "(2, 2)"), kLittle), {"True or False"}},
      {npy(1, dict("<f4", "False", "(2, two)"), kLittle), {"expected a size"}},
      {npy(1, "{'descr': '<f4', 'shape': (4,)}", kLittle), {"missing"}},
      {npy(1, "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (4,)}", kLittle),
       {"repeated key 'descr'"}},
      {npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'more': 1}", kLittle), {"key 'more'"}},
      {npy(1, good + "}", kLittle), {"text follows"}},
      {npy(1, "{'descr': '<f4", ""), {"unterminated"}},
      {bytes("\x93NUMPY\x02\x00\xff\xff\xff\x7f") + good + kLittle, {"offset 8", "claims 2147483647 bytes"}},
      {npy(1, dict("|b1", "False", "(3,)"), bytes("\0\1\2")), {"a bool of value 2"}},
  };
  for (const Case& c : cases) {
    std::vector<std::string> parts = c.parts;
    parts.push_back(path_);
    expect_error(Code::kDataLoss, parts, [&] { load(c.content); });
  }
}

TEST_F(NpyTest, AFilesOwnTextIsShownOnOneLineAndCut) {
  const std::string euro = "\xe2\x82\xac";
  expect_error(Code::kDataLoss, {R"(repeated key 'a\x0ab\x1b[31m\x7f')"},
               [&] { load(npy(1, "{'a\nb\x1b[31m\x7f': 1}", "")); });
  expect_error(Code::kUnimplemented, {"dtype '" + std::string(79, 'x') + "...' is not supported"},
               [&] { load(npy(1, dict(std::string(79, 'x') + euro + "y", "False", "(2,)"), "")); });
  expect_error(Code::kUnimplemented, {"dtype '" + std::string(77, 'x') + euro + "...' is not supported"},
               [&] { load(npy(1, dict(std::string(77, 'x') + euro + "y", "False", "(2,)"), "")); });
}

TEST_F(NpyTest, SaysWhichFileIsMissingOrCannotBeWritten) {
  expect_error(Code::kNotFound, {"/none.npy"}, [&] { load_npy(directory_.file("none.npy")); });
  expect_error(Code::kInvalidArgument, {directory_.path(), "regular file"}, [&] { load_npy(directory_.path()); });
  expect_error(Code::kNotFound, {"no directory"}, [&] { save_npy(directory_.file("no/a.npy"), Tensor::scalar(1)); });
  expect_error(Code::kInvalidArgument, {"never given a value"}, [&] { save_npy(path_, Tensor()); });
  EXPECT_TRUE(directory_.names().empty());
}

}  // namespace
}  // namespace gradus::io
