// Every reader against damaged copies of a valid file: cut at every length, each byte
// flipped in several ways, extended, and mutated at random. A reader may load what is still valid or throw
// DataLoss or Unimplemented with file and offset; it may not crash, throw anything else, or take much memory.
#include "gradus/io/checkpoint.h"
#include "gradus/io/data/dataset.h"
#include "gradus/io/data/idx.h"
#include "gradus/io/npy.h"
#include "gradus/io/safetensors.h"
#include "tests/io/io_test_support.h"

namespace gradus::io {
namespace {

using io_test::bytes;
using io_test::loads_or_refuses;
using io_test::TemporaryDirectory;
using io_test::write_file;

struct Reader {
  std::string name;
  void (*make)(const TemporaryDirectory& directory, const std::string& path);
  void (*load)(const std::string& path);
  bool checksummed;  // then no change of a byte of data goes unnoticed
};

std::string tiny_idx() { return bytes("\0\0\x08\x03\0\0\0\2\0\0\0\2\0\0\0\3abcdefghijkl"); }

std::map<std::string, Tensor> tiny_tensors() {
  return {{"w", random_normal_tensor(DType::kFloat32, {3, 2}, 1)},
          {"flags", Tensor::from<std::uint8_t>({3}, {1, 0, 1}).cast(DType::kBool)},
          {"half", Tensor::full(DType::kFloat16, {2}, 0.5)}};
}

const Reader kReaders[] = {
    {"idx", [](const TemporaryDirectory&, const std::string& path) { write_file(path, tiny_idx()); },
     [](const std::string& path) { load_idx(path); }, false},
    {"idx_gz", [](const TemporaryDirectory&, const std::string& path) { write_file(path, io_test::gzip(tiny_idx())); },
     [](const std::string& path) { load_idx(path); }, true},
    {"npy", [](const TemporaryDirectory&, const std::string& path) { save_npy(path, tiny_tensors().at("w")); },
     [](const std::string& path) { load_npy(path); }, false},
    {"npz_stored", [](const TemporaryDirectory&, const std::string& path) { save_npz(path, tiny_tensors()); },
     [](const std::string& path) { load_npz(path); }, true},
    {"npz_deflated",
     [](const TemporaryDirectory&, const std::string& path) { save_npz(path, tiny_tensors(), {.compress = true}); },
     [](const std::string& path) { load_npz(path); }, true},
    {"safetensors",
     [](const TemporaryDirectory&, const std::string& path) {
       save_safetensors(path, tiny_tensors(), {{"k", "v"}});
     },
     [](const std::string& path) { load_safetensors(path); }, false},
    {"checkpoint",
     [](const TemporaryDirectory& directory, const std::string& path) {
       Checkpoint checkpoint;
       checkpoint.tensors = tiny_tensors();
       std::filesystem::rename(save_checkpoint(directory.path(), checkpoint), path);
     },
     [](const std::string& path) { load_checkpoint(path); }, false},
};

class CorruptionTest : public ::testing::TestWithParam<Reader> {
 protected:
  void SetUp() override {
    GetParam().make(directory_, path_);
    good_ = io_test::read_file(path_);
    ASSERT_FALSE(good_.empty());
    ASSERT_NO_THROW(GetParam().load(path_));
  }
  bool try_content(const std::string& content, const std::string& what) {
    write_file(path_, content);
    return loads_or_refuses(path_, what, [&] { GetParam().load(path_); });
  }
  TemporaryDirectory directory_;
  std::string path_ = directory_.file("file");
  std::string good_;
};

TEST_P(CorruptionTest, EveryTruncationIsRefused) {
  const io_test::MemoryLimit limit(256 << 20);
  for (std::size_t size = 0; size < good_.size(); ++size) {
    EXPECT_FALSE(try_content(good_.substr(0, size), fmt::format("cut at {}", size))) << size << " of " << good_.size();
  }
}

TEST_P(CorruptionTest, TrailingBytesAreRefused) {
  for (const std::string& extra : {bytes("\0"), std::string("x"), std::string(1000, '\0'), good_}) {
    if (GetParam().name == "idx_gz" && extra == good_)
      continue;  // a second member is legal gzip; its bytes are refused below
    EXPECT_FALSE(try_content(good_ + extra, "extended")) << extra.size();
  }
  if (GetParam().name == "idx_gz") {
    EXPECT_FALSE(try_content(good_ + good_, "doubled"));
  }
}

TEST_P(CorruptionTest, EveryFlippedByteLoadsOrIsRefused) {
  const io_test::MemoryLimit limit(256 << 20);
  for (std::size_t at = 0; at < good_.size(); ++at) {
    for (int mask : {0x01, 0x10, 0x80, 0xff}) {
      std::string content = good_;
      content[at] = static_cast<char>(content[at] ^ mask);
      try_content(content, fmt::format("byte {} ^ {:#x}", at, mask));
    }
    std::string largest = good_;
    for (std::size_t i = at; i < std::min(at + 4, good_.size()); ++i) largest[i] = '\xff';
    try_content(largest, fmt::format("bytes {}.. all ones", at));
  }
}

TEST_P(CorruptionTest, RandomMutationsLoadOrAreRefused) {
  const io_test::MemoryLimit limit(256 << 20);
  const PhiloxStream random(7, 0);
  std::uint64_t next = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string content = good_;
    const int changes = 1 + static_cast<int>(random.block(next++)[0] % 6);
    for (int i = 0; i < changes; ++i) {
      const auto r = random.block(next++);
      const std::size_t at = r[0] % content.size();
      switch (r[1] % 4) {
        case 0: content[at] = static_cast<char>(r[2]); break;
        case 1: content.insert(at, 1 + r[2] % 4, static_cast<char>(r[3])); break;
        case 2: content.erase(at, 1 + r[2] % 4); break;
        default: content[at] = "09-.,[]{}()'\"<>\xff"[r[2] % 16]; break;
      }
      if (content.empty()) content = "x";
    }
    try_content(content, fmt::format("round {}", round));
  }
}

INSTANTIATE_TEST_SUITE_P(Readers, CorruptionTest, ::testing::ValuesIn(kReaders),
                         [](const auto& reader) { return reader.param.name; });

TEST(ChecksummedCorruptionTest, NoFlippedDataBitGoesUnnoticed) {
  const TemporaryDirectory directory;
  for (const Reader& reader : kReaders) {
    if (!reader.checksummed) continue;
    const std::string path = directory.file(reader.name);
    reader.make(directory, path);
    const std::string good = io_test::read_file(path);
    const bool zip = reader.name != "idx_gz";
    // Member data: behind the first local header and its name, or behind gzip's own header of 10 bytes.
    const std::size_t begin = zip ? 30 + std::string("flags.npy").size() : 10;
    for (std::size_t at = begin; at < begin + 20; ++at) {
      std::string content = good;
      content[at] = static_cast<char>(content[at] ^ 0x04);
      write_file(path, content);
      EXPECT_THROW(reader.load(path), Error) << reader.name << " at " << at;
    }
  }
}

}  // namespace
}  // namespace gradus::io
