// From a set of images to a sequence of batches: shuffled, augmented, resumed and prefetched, all decided by seeds.
//
//   for (const io::Batch& batch : data.train.shuffled(epoch).augmented({.shift = 2}).batched(128).prefetched())
//     session.run({{images, batch.images}, {labels, batch.labels}}, {loss}, {train});
//
// Views and ranges are small values that share the set's memory; they may outlive the set. Every begin() starts the
// same sequence again: the same seeds give the same bits on every machine, with and without prefetching.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "gradus/core/tensor.h"
#include "gradus/io/data/augment.h"

namespace gradus::io {

class BatchRange;
class ChoiceRange;

struct Batch {
  Tensor images;           // float32 [n,H,W,C]
  Tensor labels;           // int32 [n]
  std::int64_t index = 0;  // of this batch in its pass; index + 1 is the position to resume from

  std::int64_t size() const { return labels.shape()[0]; }
};

// What a batch consists of, without its pixels: for a set that is in the device's memory (io/data/resident_images.h).
struct BatchChoices {
  Tensor values;  // int32 [n,4]: per image its index in the set, top, left, and 1 where it is mirrored (ImageChoice)
  std::int64_t index = 0;  // of this batch in its pass; index + 1 is the position to resume from

  std::int64_t size() const { return values.shape()[0]; }
};

// Produces the batches of one pass. next() returns false after the last.
template <class Item>
class PassReader {
 public:
  virtual ~PassReader() = default;
  virtual bool next(Item* batch) = 0;
};
using BatchReader = PassReader<Batch>;

// An input iterator over them.
template <class Item>
class PassIterator {
 public:
  using value_type = Item;
  using difference_type = std::ptrdiff_t;
  using reference = const Item&;
  using pointer = const Item*;
  using iterator_category = std::input_iterator_tag;

  explicit PassIterator(std::shared_ptr<PassReader<Item>> reader) : reader_(std::move(reader)) { ++*this; }
  const Item& operator*() const { return batch_; }
  const Item* operator->() const { return &batch_; }
  PassIterator& operator++() {
    if (reader_ != nullptr && !reader_->next(&batch_)) {
      reader_.reset();
      batch_ = {};
    }
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const PassIterator& it, std::default_sentinel_t) { return it.reader_ == nullptr; }

 private:
  std::shared_ptr<PassReader<Item>> reader_;  // null at the end
  Item batch_;
};

// Images and labels in an order, with an augmentation.
class ImageView {
 public:
  // images: uint8 (0..255) or float32 (0..1) [N,H,W,C]; labels: int32 [N]. Throws InvalidArgument.
  ImageView(Tensor images, Tensor labels);

  std::int64_t size() const { return labels_.shape()[0]; }
  // ceil(size() / batch_size): the last batch may be short.
  std::int64_t batches(std::int64_t batch_size) const;

  // Another order, the same for the same seed: a Fisher-Yates shuffle driven by Philox.
  // Any integer type may be the seed, such as an int that counts epochs.
  template <std::integral Seed>
  ImageView shuffled(Seed seed) const {
    ImageView view = *this;
    view.shuffle_seed_ = static_cast<std::uint64_t>(seed);
    return view;
  }
  // The random choices for an image depend on the augmentation's seed, the seed of shuffled() and the image's index in
  // the set, so that a new shuffle is a new augmentation. Throws InvalidArgument for options that do not fit the
  // images.
  ImageView augmented(const Augmentation& augmentation) const;
  // Throws InvalidArgument unless batch_size >= 1.
  BatchRange batched(std::int64_t batch_size) const;

  const Tensor& images() const { return images_; }
  const Tensor& labels() const { return labels_; }
  const Augmentation& augmentation() const { return augmentation_; }

 private:
  friend class Pass;
  Tensor images_;
  Tensor labels_;
  std::optional<std::uint64_t> shuffle_seed_;
  Augmentation augmentation_;
};

// An input range of batches, for range-based for.
class BatchRange {
 public:
  using Iterator = PassIterator<Batch>;
  BatchRange(ImageView view, std::int64_t batch_size);

  // Leaves out the first n batches, for resuming in the middle of a pass. Throws InvalidArgument when n is negative.
  BatchRange skip(std::int64_t n) const;
  // Prepares up to `depth` batches ahead in a background thread per pass. An exception there is rethrown by the
  // iterator after the batches before it; leaving the loop early stops and joins the thread. Throws InvalidArgument
  // unless depth >= 1.
  BatchRange prefetched(int depth = 2) const;
  // f(Batch&) is called on each batch, in the background thread when there is one. It may replace both tensors.
  template <class F>
  BatchRange mapped(F f) const;
  // The same batches as choices alone, made when they are asked for. Throws InvalidArgument after mapped(), which changes pixels, and for a
  // set whose indices do not fit in int32.
  ChoiceRange choices() const;

  std::int64_t size() const;  // batches that one pass yields
  Iterator begin() const;
  std::default_sentinel_t end() const { return {}; }

 private:
  friend class Pass;
  friend class DirectReader;
  ImageView view_;
  std::int64_t batch_size_;
  std::int64_t first_ = 0;
  int depth_ = 0;
  std::function<void(Batch&)> transform_;  // what mapped() was given
};

// An input range of choices, for range-based for.
class ChoiceRange {
 public:
  using Iterator = PassIterator<BatchChoices>;
  explicit ChoiceRange(BatchRange batches) : batches_(std::move(batches)) {}
  std::int64_t size() const { return batches_.size(); }  // batches that one pass yields
  Iterator begin() const;
  std::default_sentinel_t end() const { return {}; }

 private:
  BatchRange batches_;
};

template <class F>
BatchRange BatchRange::mapped(F f) const {
  BatchRange range = *this;
  range.transform_ = [before = transform_, last = std::make_shared<const F>(std::move(f))](Batch& batch) {
    if (before) before(batch);
    (*last)(batch);
  };
  return range;
}

}  // namespace gradus::io
