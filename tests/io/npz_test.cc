// .npz archives. The fixtures are what NumPy 1.24 wrote for numpy.savez(f, w=arange(6,'<f4').reshape(2,3),
// b=array([True,False])) and numpy.savez_compressed of the same.
#include "gradus/io/npy.h"

#include "tests/io/io_test_support.h"

namespace gradus::io {
namespace {

using io_test::expect_error;
using io_test::TemporaryDirectory;
using io_test::write_file;

constexpr const char* kStored =
    "504b0304140000000000000021004fe9002a980000009800000005001400772e6e7079010010009800000000000000980000000000000093"
    "4e554d5059010076007b276465736372273a20273c6634272c2027666f727472616e5f6f72646572273a2046616c73652c20277368617065"
    "273a2028322c2033292c207d2020202020202020202020202020202020202020202020202020202020202020202020202020202020202020"
    "20202020202020202020202020200a000000000000803f0000004000004040000080400000a040504b030414000000000000002100ee19bb"
    "5d820000008200000005001400622e6e70790100100082000000000000008200000000000000934e554d5059010076007b27646573637227"
    "3a20277c6231272c2027666f727472616e5f6f72646572273a2046616c73652c20277368617065273a2028322c292c207d20202020202020"
    "20202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020200a0100"
    "504b01021403140000000000000021004fe9002a9800000098000000050000000000000000000000800100000000772e6e7079504b010214"
    "0314000000000000002100ee19bb5d82000000820000000500000000000000000000008001cf000000622e6e7079504b0506000000000200"
    "020066000000880100000000";
constexpr const char* kDeflated =
    "504b0304140000000800000021004fe9002a550000009800000005001400772e6e707901001000980000000000000055000000000000009b"
    "ec17ea1b10c9c850c650ad9e925a9c5ca46ea5a06e9366a2aea3a09e965f54529498179f5f94920a12774bcc294e058a17672416a402f91a"
    "463a0ac69a3a0ab50a64032e063068b007120e4004c40d40bcc00100504b030414000000080000002100ee19bb5d46000000820000000500"
    "1400622e6e707901001000820000000000000046000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a05e9364a8aea3a09e"
    "965f54529498179f5f94920a12774bcc294e058a17672416a402f91a463a9a3a0ab50a14002e460600504b01021403140000000800000021"
    "004fe9002a5500000098000000050000000000000000000000800100000000772e6e7079504b0102140314000000080000002100ee19bb5d"
    "460000008200000005000000000000000000000080018c000000622e6e7079504b0506000000000200020066000000090100000000";

std::string unhex(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    result.push_back(static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16)));
  }
  return result;
}

// Where things are in kStored: two members, their entries in the directory, and the end record.
constexpr std::size_t kSecond = 207;
constexpr std::size_t kDirectory = 392;
constexpr std::size_t kDirectorySecond = 443;
constexpr std::size_t kEnd = 494;

class NpzTest : public ::testing::Test {
 protected:
  std::map<std::string, Tensor> load(const std::string& content) {
    write_file(path_, content);
    return load_npz(path_);
  }
  // kStored with bytes replaced at a position.
  std::string patched(std::size_t at, const std::string& with) {
    std::string content = unhex(kStored);
    content.replace(at, with.size(), with);
    return content;
  }
  TemporaryDirectory directory_;
  std::string path_ = directory_.file("a.npz");
};

TEST_F(NpzTest, ReadsWhatNumpyWrote) {
  for (const char* fixture : {kStored, kDeflated}) {
    const auto tensors = load(unhex(fixture));
    ASSERT_EQ(tensors.size(), 2U);
    EXPECT_TRUE(bit_equal(tensors.at("w"), Tensor::from<float>({2, 3}, {0, 1, 2, 3, 4, 5})));
    EXPECT_TRUE(bit_equal(tensors.at("b"), Tensor::from<std::uint8_t>({2}, {1, 0}).cast(DType::kBool)));
  }
}

TEST_F(NpzTest, ReadsAnArchiveComment) {
  std::string content = unhex(kStored);
  content[content.size() - 2] = 5;
  EXPECT_EQ(load(content + "hello").size(), 2U);
  expect_error(Code::kDataLoss, {path_, "end-of-directory"}, [&] { load(content + "hell"); });
}

TEST_F(NpzTest, RoundTripsStoredAndDeflated) {
  const std::map<std::string, Tensor> tensors = {
      {"conv1/w", random_normal_tensor(DType::kFloat32, {5, 5, 1, 8}, 1)},
      {"scalar", Tensor::scalar(2.5)},
      {"empty", Tensor(DType::kInt64, {0, 4})},
      {"gr\xc3\xbc\xc3\x9f", Tensor::full(DType::kFloat16, {300, 300}, 1.5)}};
  for (bool compress : {false, true}) {
    save_npz(path_, tensors, {.compress = compress});
    const auto loaded = load_npz(path_);
    ASSERT_EQ(loaded.size(), tensors.size());
    for (const auto& [name, tensor] : tensors) EXPECT_TRUE(bit_equal(loaded.at(name), tensor)) << name;
    EXPECT_EQ(io_test::read_file(path_).size() < 20000, compress) << "300 x 300 equal numbers deflate well";
  }
  save_npz(path_, {});
  EXPECT_TRUE(load_npz(path_).empty());
}

TEST_F(NpzTest, RefusesDamagedArchivesWithTheOffset) {
  struct Case {
    std::string content;
    std::vector<std::string> parts;
  };
  const std::vector<Case> cases = {
      {"", {"offset 0", "not a zip archive"}},
      {unhex(kStored) + "x", {"not a zip archive"}},
      {patched(200, "\x01"), {"a.npz(w.npy)", "CRC-32"}},
      {patched(0, "XX"), {"offset 0", "contradicts the directory"}},
      {patched(30, "v"), {"offset 0", "contradicts the directory"}},
      {patched(28, "\xff\x7f"), {"reaches into the directory"}},
      {patched(kDirectory, "XX"), {"offset 392", "directory entry"}},
      {patched(kDirectory + 28, "\xff\xff"), {"offset 392", "truncated"}},
      {patched(kDirectory + 20, "\x99"), {"offset 392", "stored, but its sizes"}},
      {patched(kDirectory + 42, "\xc0"), {"reaches into what follows"}},
      {patched(kDirectorySecond + 46, "w"), {"offset 443", "two members"}},
      {patched(kDirectorySecond + 42, "\x40"), {"reaches into what follows"}},
      {patched(kEnd + 8, "\x03"), {"offset 494", "several files"}},
      {patched(kEnd + 8, std::string("\x03\x00\x03", 3)), {"member 2 of 3"}},
      {patched(kEnd + 8, std::string("\x01\x00\x01", 3)), {"offset 443", "bytes follow"}},
      {patched(kEnd + 12, "\x67"), {"offset 494", "end here"}},
      {unhex(kStored).insert(kSecond, "junk"), {"offset 498"}},
  };
  for (const Case& c : cases) {
    std::vector<std::string> parts = c.parts;
    parts.push_back(path_);
    expect_error(Code::kDataLoss, parts, [&] { load(c.content); });
  }
  std::string deflated = unhex(kDeflated);
  deflated[55 + 40] = static_cast<char>(deflated[55 + 40] ^ 0x10);
  expect_error(Code::kDataLoss, {"a.npz(w.npy)", "offset"}, [&] { load(deflated); });
}

TEST_F(NpzTest, RefusesWhatItDoesNotSupportClearly) {
  expect_error(Code::kUnimplemented, {path_, "offset 494", "zip64"}, [&] { load(patched(kEnd + 10, "\xff\xff")); });
  expect_error(Code::kUnimplemented, {path_, "'w.npy'", "zip64"},
               [&] { load(patched(kDirectory + 24, "\xff\xff\xff\xff")); });
  expect_error(Code::kUnimplemented, {"encrypted"}, [&] { load(patched(kDirectory + 8, "\x01")); });
  expect_error(Code::kUnimplemented, {"method 12"}, [&] { load(patched(kDirectory + 10, "\x0c")); });
}

// NumPy reads such archives as well: a README or a folder beside the arrays is no array, and no reason to refuse them.
TEST_F(NpzTest, WhatIsNoArrayDoesNotHideTheArrays) {
  std::string text = patched(30, "w.txt");
  text.replace(kDirectory + 46, 5, "w.txt");
  const auto tensors = load(text);
  ASSERT_EQ(tensors.size(), 1U);
  EXPECT_EQ(tensors.at("b").num_elements(), 2);
  text.replace(kSecond + 30, 5, "b.txt");
  text.replace(kDirectorySecond + 46, 5, "b.txt");
  expect_error(Code::kUnimplemented, {path_, "no member of the archive is an .npy array; the first is 'w.txt'"},
               [&] { load(text); });
}

// An array that cannot be read is an error, but not for who does not ask for it.
TEST_F(NpzTest, ReadsSomeArraysByName) {
  for (const std::string& content : {patched(kDirectory + 8, "\x01"), patched(kDirectory + 10, "\x0c"),
                                     patched(kDirectory + 24, "\xff\xff\xff\xff"), patched(200, "\x01")}) {
    io_test::write_file(path_, content);
    EXPECT_EQ(load_npz(path_, {.names = {"b"}}).size(), 1U);
    EXPECT_THROW(load_npz(path_, {.names = {"b", "w"}}), Error);
  }
  expect_error(Code::kNotFound, {path_, "holds no tensor 'c\\x0a'; it holds w, b"},
               [&] { load_npz(path_, {.names = {"c\n"}}); });
}

TEST_F(NpzTest, AClaimOfHugeDataCostsNoMemory) {
  // A deflated member whose directory entry and .npy header claim more than it holds.
  save_npz(path_, {{"z", Tensor::zeros(DType::kUInt8, {4000000})}}, {.compress = true});
  std::string content = io_test::read_file(path_);
  const std::size_t directory = content.find("PK\1\2");
  ASSERT_NE(directory, std::string::npos);
  content.replace(directory + 24, 4, "\xff\xff\xff\x7f");
  const io_test::MemoryLimit limit(64 << 20);
  expect_error(Code::kDataLoss, {path_, "cannot unpack"}, [&] { load(content); });
}

TEST_F(NpzTest, RefusesUnusableNames) {
  expect_error(Code::kInvalidArgument, {"65535"}, [&] {
    save_npz(path_, {{std::string(65535, 'n'), Tensor::scalar(1)}});
  });
  expect_error(Code::kInvalidArgument, {"a.npz(x)", "never given a value"}, [&] {
    save_npz(path_, {{"x", Tensor()}});
  });
  EXPECT_TRUE(directory_.names().empty());
  expect_error(Code::kInvalidArgument, {"a.npz: names must be UTF-8; got '\\xe9t\\xe9'"}, [&] {
    save_npz(path_, {{"\xe9t\xe9", Tensor::scalar(1)}});  // Latin-1
  });
  std::string content = unhex(kStored);
  for (const std::size_t at : {std::size_t{30}, kDirectory + 46}) content.replace(at, 5, "\xff\x1b.np");
  for (const std::size_t at : {kSecond + 30, kDirectorySecond + 46}) content.replace(at, 5, "b.txt");
  expect_error(Code::kUnimplemented, {R"(the first is '\xff\x1b.np')"}, [&] { load(content); });
}

}  // namespace
}  // namespace gradus::io
