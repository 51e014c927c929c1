#include <fmt/format.h>

#include <iterator>
#include <span>
#include <sstream>

#include "gradus/io/byte_source.h"
#include "gradus/io/data/dataset.h"

namespace gradus::io {
namespace {

constexpr std::int64_t kCifarSide = 32;
constexpr std::int64_t kPlane = kCifarSide * kCifarSide;
constexpr std::int64_t kCifarPixels = 3 * kPlane;

// What distinguishes the two data sets. A record is its label bytes, then the red, green and blue planes.
struct Layout {
  int label_bytes;
  int label_at;                // which of the label bytes counts
  std::int64_t train_records;  // per file
  std::int64_t test_records;
  std::vector<std::string> train_files;
  const char* test_file;
  const char* archive_folder;
  std::vector<std::string> class_names;
};

std::vector<std::string> find_files(const std::string& directory, const Layout& layout) {
  std::vector<std::string> names = layout.train_files;
  names.emplace_back(layout.test_file);
  const std::string inner = join_path(directory, layout.archive_folder);
  const std::string& base = file_exists(join_path(inner, names[0])) ? inner : directory;
  std::vector<std::string> paths;
  for (const std::string& name : names) {
    paths.push_back(join_path(base, name));
    if (!file_exists(paths.back())) {
      throw not_found(fmt::format("{} is missing. The folder, or {} in it, must hold the binary version: {}",
                                  paths.back(), layout.archive_folder, fmt::join(names, ", ")));
    }
  }
  return paths;
}

ImageSet load_records(std::span<const std::string> paths, std::int64_t expected, const Layout& layout,
                      bool allow_subset) {
  const std::int64_t record = layout.label_bytes + kCifarPixels;
  std::int64_t total = 0;
  for (const std::string& path : paths) {
    const auto file = File::open(path);
    const auto size = static_cast<std::int64_t>(file->size());
    const std::int64_t whole = size / record;
    if (size % record != 0) {
      file->fail(
          static_cast<std::uint64_t>(whole * record),
          fmt::format("the file does not end with a whole record of {} bytes: {} bytes remain", record, size % record));
    }
    if (!allow_subset && whole != expected) {
      file->fail(static_cast<std::uint64_t>(size), fmt::format("{} images; the original file has {}", whole, expected));
    }
    total += whole;
  }
  const int classes = static_cast<int>(layout.class_names.size());
  ImageSet set{Tensor(DType::kUInt8, {total, kCifarSide, kCifarSide, 3}), Tensor(DType::kInt32, {total}), classes,
               layout.class_names};
  std::uint8_t* to = set.images.data<std::uint8_t>();
  std::int32_t* labels = set.labels.data<std::int32_t>();
  const std::int32_t* const labels_end = labels + total;
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(record));
  for (const std::string& path : paths) {
    const auto source = open_file(path);
    while (source->most_left() > 0 && labels != labels_end) {
      const std::uint64_t at = source->offset() + static_cast<std::uint64_t>(layout.label_at);
      source->read(bytes.data(), bytes.size(), "a record");
      const int label = bytes[static_cast<std::size_t>(layout.label_at)];
      if (label >= classes) source->fail_at(at, fmt::format("label {}; the classes are 0 to {}", label, classes - 1));
      *labels++ = label;
      const std::uint8_t* planes = bytes.data() + layout.label_bytes;
      for (std::int64_t i = 0; i < kPlane; ++i) {  // [3,32,32] to [32,32,3]
        for (std::int64_t c = 0; c < 3; ++c) *to++ = planes[c * kPlane + i];
      }
    }
    source->expect_end();
  }
  return set;
}

ImageDataset load(const std::string& directory, const Layout& layout, bool allow_subset) {
  const std::vector<std::string> paths = find_files(directory, layout);
  const std::span<const std::string> train(paths.begin(), paths.end() - 1), test(paths.end() - 1, paths.end());
  return {load_records(train, layout.train_records, layout, allow_subset),
          load_records(test, layout.test_records, layout, allow_subset)};
}

// Names of classes in the order of the files' label bytes, which is alphabetical.
constexpr const char* kFineNames =
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can "
    "castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin "
    "elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster "
    "man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck "
    "pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk "
    "skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger "
    "tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm";
constexpr const char* kCoarseNames =
    "aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices "
    "household_furniture insects large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes "
    "large_omnivores_and_herbivores medium_mammals non-insect_invertebrates people reptiles small_mammals trees "
    "vehicles_1 vehicles_2";

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream words(text);
  return {std::istream_iterator<std::string>(words), {}};
}

}  // namespace

ImageDataset load_cifar10(const std::string& directory, const CifarOptions& options) {
  if (options.coarse_labels) throw invalid_argument("CIFAR-10 has no coarse labels");
  return load(
      directory,
      {.label_bytes = 1,
       .label_at = 0,
       .train_records = 10000,
       .test_records = 10000,
       .train_files = words_of("data_batch_1.bin data_batch_2.bin data_batch_3.bin data_batch_4.bin data_batch_5.bin"),
       .test_file = "test_batch.bin",
       .archive_folder = "cifar-10-batches-bin",
       .class_names = words_of("airplane automobile bird cat deer dog frog horse ship truck")},
      options.allow_subset);
}

ImageDataset load_cifar100(const std::string& directory, const CifarOptions& options) {
  const bool coarse = options.coarse_labels;
  return load(directory,
              {.label_bytes = 2,
               .label_at = coarse ? 0 : 1,
               .train_records = 50000,
               .test_records = 10000,
               .train_files = {"train.bin"},
               .test_file = "test.bin",
               .archive_folder = "cifar-100-binary",
               .class_names = words_of(coarse ? kCoarseNames : kFineNames)},
              options.allow_subset);
}

}  // namespace gradus::io
