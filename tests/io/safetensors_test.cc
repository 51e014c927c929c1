// The safetensors format; the fixture is written out from its definition.
#include "gradus/io/safetensors.h"

#include <cmath>

#include "gradus/core/printable.h"
#include "tests/io/io_test_support.h"

namespace gradus::io {
namespace {

using io_test::bytes;
using io_test::expect_error;
using io_test::TemporaryDirectory;

std::string safetensors(const std::string& header, const std::string& data) {
  std::string length;
  for (int i = 0; i < 8; ++i) length.push_back(static_cast<char>(header.size() >> (8 * i) & 0xff));
  return length + header + data;
}

class SafetensorsTest : public ::testing::Test {
 protected:
  SafeTensors load(const std::string& content) {
    io_test::write_file(path_, content);
    return load_safetensors(path_);
  }
  TemporaryDirectory directory_;
  std::string path_ = directory_.file("a.safetensors");
};

const std::string kFloats = bytes("\x00\x00\x80\x3f\x00\x00\x00\xc0");  // 1, -2

TEST_F(SafetensorsTest, ReadsTheDocumentedFormat) {
  const SafeTensors file =
      load(safetensors(R"({"__metadata__":{"k":"v"},"flag":{"dtype":"BOOL","shape":[],"data_offsets":[8,9]},)"
                       R"("w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
                       R"("none":{"dtype":"I64","shape":[0,2],"data_offsets":[9,9]}}   )",
                       kFloats + "\x01"));
  ASSERT_EQ(file.tensors.size(), 3U);
  EXPECT_TRUE(bit_equal(file.tensors.at("w"), Tensor::from<float>({1, 2}, {1, -2})));
  EXPECT_TRUE(file.tensors.at("flag").item<bool>());
  EXPECT_EQ(file.tensors.at("none").shape(), (Shape{0, 2}));
  EXPECT_EQ(file.metadata.at("k"), "v");
  EXPECT_TRUE(load(safetensors("{}", "")).tensors.empty());
}

TEST_F(SafetensorsTest, WritesTheDocumentedFormat) {
  save_safetensors(path_, {{"w", Tensor::from<float>({1, 2}, {1, -2})}}, {{"k", "v"}});
  const std::string header = R"({"__metadata__":{"k":"v"},"w":{"data_offsets":[0,8],"dtype":"F32","shape":[1,2]}})";
  const std::string content = io_test::read_file(path_);
  EXPECT_EQ(content.substr(8, header.size()), header);
  EXPECT_EQ(static_cast<unsigned char>(content[0]), (header.size() + 7) / 8 * 8) << "padded to a multiple of 8";
  EXPECT_EQ(content.substr(content.size() - 8), kFloats);
}

TEST_F(SafetensorsTest, RoundTripsEveryType) {
  std::map<std::string, Tensor> tensors;
  for (DType dtype : {DType::kFloat16, DType::kBFloat16, DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kInt64,
                      DType::kUInt8, DType::kBool}) {
    for (const Shape& shape : {Shape{}, Shape{0, 3}, Shape{3, 5}}) {
      tensors[std::string(dtype_name(dtype)) + shape.to_string()] =
          random_uniform_tensor(DType::kFloat64, shape, 5, -3.0, 90.0).cast(dtype);
    }
  }
  tensors["nan"] = Tensor::scalar(std::nanf(""));
  const std::map<std::string, std::string> metadata = {{"a \"quoted\" key", "line\nbreak"}, {"", "\xc3\xa9"}};
  save_safetensors(path_, tensors, metadata);
  const SafeTensors loaded = load_safetensors(path_);
  EXPECT_EQ(loaded.metadata, metadata);
  ASSERT_EQ(loaded.tensors.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) EXPECT_TRUE(bit_equal(loaded.tensors.at(name), tensor)) << name;
  EXPECT_EQ(directory_.names(), (std::vector<std::string>{"a.safetensors"}));
}

// bfloat16 is the upper half of float32: 1 is 3f80, -2 is c000, the largest number 7f7f.
TEST_F(SafetensorsTest, ReadsAndWritesTheBytesOfBFloat16) {
  const std::string header = R"({"w":{"data_offsets":[0,6],"dtype":"BF16","shape":[3]}})";
  const std::string data = bytes("\x80\x3f\x00\xc0\x7f\x7f");
  const Tensor w = load(safetensors(header, data)).tensors.at("w");
  EXPECT_EQ(w.dtype(), DType::kBFloat16);
  EXPECT_EQ(w.at(0), 1);
  EXPECT_EQ(w.at(1), -2);
  EXPECT_EQ(w.at(2), 0x1.fep127);
  save_safetensors(path_, {{"w", w}});
  const std::string content = io_test::read_file(path_);
  EXPECT_EQ(content.substr(8, header.size()), header);
  EXPECT_EQ(content.substr(content.size() - data.size()), data);
}

TEST_F(SafetensorsTest, RefusesDamagedFilesWithTheOffset) {
  const auto w = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return safetensors(fmt::format(R"({{"w":{{"dtype":"{}","shape":{},"data_offsets":{}}}}})", dtype, shape, offsets),
                       kFloats);
  };
  const auto two = [](const std::string& first, const std::string& second) {
    return safetensors(fmt::format(R"({{"a":{{"dtype":"F32","shape":[1],"data_offsets":{}}},)"
                                   R"("b":{{"dtype":"F32","shape":[1],"data_offsets":{}}}}})",
                                   first, second),
                       kFloats);
  };
  struct Case {
    std::string content;
    std::vector<std::string> parts;
  };
  const std::vector<Case> cases = {
      {"", {"offset 0", "truncated"}},
      {bytes("\xff\xff\xff\xff\xff\xff\xff\xff{}"), {"offset 0", "claims 18446744073709551615 bytes"}},
      {bytes("\x03\0\0\0\0\0\0\0{}"), {"offset 0", "claims 3 bytes"}},
      {safetensors("", ""), {"offset 8", "begin with '{'"}},
      {safetensors("[]", ""), {"offset 8", "begin with '{'"}},
      {safetensors("{\"w\":", ""), {"not JSON"}},
      {safetensors("{} x", ""), {"not JSON"}},
      {safetensors(std::string("{}\0 x", 5), ""), {"zero byte"}},
      {safetensors(R"({"a":{"b":{"c":{"d":{"e":{}}}}}})", ""), {"nested too deeply"}},
      {safetensors(R"({"__metadata__":{"k":1}})", ""), {"'k' is not a string"}},
      {safetensors(R"({"__metadata__":[]})", ""), {"__metadata__"}},
      {safetensors(R"({"__metadata__":{"k":"1","k":"2"}})", ""), {"repeated key 'k'"}},
      {safetensors(R"({"w":{"dtype":"F32","shape":[1]}})", kFloats), {"needs exactly dtype"}},
      {w("F32", "[2]", "[0,8,9]"), {"not a range"}},
      {w("F32", "[2]", "[8,0]"), {"not a range"}},
      {w("F32", "[2]", "[-8,0]"), {"not an array of sizes"}},
      {w("F32", "[-2]", "[0,8]"), {"not an array of sizes", "[-2]"}},
      {w("F32", "[2.0]", "[0,8]"), {"not an array of sizes"}},
      {w("F32", "[18446744073709551615]", "[0,8]"), {"not an array of sizes"}},
      {w("F32", "[4611686018427387904,4]", "[0,8]"), {"has 8 bytes of data"}},
      {w("F32", "[3]", "[0,8]"), {"'w' is float32 [3] but has 8 bytes"}},
      {safetensors(R"({"a\nb\u001b":1})", ""), {R"(tensor 'a\x0ab\x1b' needs)"}},
      {w("F32", "[1000000000]", "[0,4000000000]"), {"take 4000000000 bytes of data, the file has 8"}},
      {w("F32", "[1]", "[0,4]"), {"take 4 bytes of data, the file has 8"}},
      {w("F32", "[1]", "[4,8]"), {"leaving a gap"}},
      {two("[0,4]", "[0,4]"), {"'b' begins at 0", "inside"}},
      {two("[0,4]", "[2,6]"), {"inside"}},
      {safetensors(R"({"w":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}})", "\x02"), {"a bool of value 2"}},
  };
  for (const Case& c : cases) {
    std::vector<std::string> parts = c.parts;
    parts.push_back(path_ + ": offset");
    expect_error(Code::kDataLoss, parts, [&] { load(c.content); });
  }
  expect_error(Code::kUnimplemented, {path_, "I16", "supported"}, [&] { load(w("I16", "[4]", "[0,8]")); });
  expect_error(Code::kUnimplemented, {"9 dimensions"}, [&] { load(w("F64", "[1,1,1,1,1,1,1,1,1]", "[0,8]")); });
}

// A message goes to terminals and to JSON: it is UTF-8 without control characters, whatever the file holds.
TEST_F(SafetensorsTest, BytesOfAHeaderThatAreNoTextAreEscapedInTheMessage) {
  for (const std::string bad : {"\xff", "\xc3(", "\xed\xa0\x80", "\xc2\x9b", "\x1b"}) {
    try {
      load(safetensors(R"({"a":{"dtype":"F)" + bad + R"(","shape":[2],"data_offsets":[0,8]}})", "12345678"));
      ADD_FAILURE() << "loaded";
    } catch (const Error& error) {
      const std::string text = error.what();
      EXPECT_TRUE(is_utf8(text)) << printable(text, 400);
      EXPECT_EQ(printable(text, 1000), text);
      EXPECT_NE(text.find(path_), std::string::npos);
    }
  }
}

TEST_F(SafetensorsTest, ReadsSomeTensorsByName) {
  const std::string header = R"({"a":{"dtype":"I16","shape":[2],"data_offsets":[0,4]},)"
                             R"("b":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}})";
  io_test::write_file(path_, safetensors(header, "123456"));
  expect_error(Code::kUnimplemented, {path_, "tensor 'a' has dtype I16"}, [&] { load_safetensors(path_); });
  const SafeTensors some = load_safetensors(path_, {.names = {"b"}});
  ASSERT_EQ(some.tensors.size(), 1U);
  EXPECT_EQ(some.tensors.at("b").at(1), '6');
  expect_error(Code::kNotFound, {path_, "holds no tensor 'bb'; did you mean b?"},
               [&] { load_safetensors(path_, {.names = {"bb"}}); });
}

TEST_F(SafetensorsTest, RefusesUnusableNamesAndKeepsTheOldFile) {
  save_safetensors(path_, {{"old", Tensor::scalar(1)}});
  expect_error(Code::kInvalidArgument, {"__metadata__"}, [&] {
    save_safetensors(path_, {{"__metadata__", Tensor::scalar(1)}});
  });
  expect_error(Code::kInvalidArgument, {path_, "a tensor's name must be UTF-8; got '\\xff'"}, [&] {
    save_safetensors(path_, {{"\xff", Tensor::scalar(1)}});
  });
  expect_error(Code::kInvalidArgument, {path_, "a value of the metadata must be UTF-8"}, [&] {
    save_safetensors(path_, {}, {{"key", "\xff"}});
  });
  expect_error(Code::kInvalidArgument, {"'x' was never given"}, [&] { save_safetensors(path_, {{"x", Tensor()}}); });
  EXPECT_EQ(load_safetensors(path_).tensors.count("old"), 1U);
  expect_error(Code::kNotFound, {"no directory"}, [&] { save_safetensors(directory_.file("no/a.safetensors"), {}); });
}

}  // namespace
}  // namespace gradus::io
