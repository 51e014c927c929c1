#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "gradus/core/philox.h"
#include "gradus/io/data/dataset.h"
#include "gradus/io/data/digit_strokes.h"

namespace gradus::io {
namespace {

constexpr int kSide = 28;
constexpr int kPixels = kSide * kSide;
constexpr float kGlyphScale = 22.0F;  // pixels for the unit square of the strokes
constexpr std::uint64_t kDigitStream = 0x6469676974730000;

// The random numbers of one image, in the order in which they are asked for.
class Dice {
 public:
  explicit Dice(const PhiloxStream& stream) : stream_(stream) {}
  std::uint32_t word() {
    if (used_ == 4) {
      words_ = stream_.block(next_++);
      used_ = 0;
    }
    return words_[used_++];
  }
  int below(std::size_t n) { return static_cast<int>(std::uint64_t{word()} * n >> 32); }
  float uniform(float low, float high) { return low + (high - low) * static_cast<float>(word() >> 8) * 0x1.0p-24F; }
  // Roughly normal: a sum of three uniform numbers (variance 1), bounded by 3.
  float bell() { return uniform(-1, 1) + uniform(-1, 1) + uniform(-1, 1); }

 private:
  PhiloxStream stream_;
  std::uint64_t next_ = 0;
  std::array<std::uint32_t, 4> words_{};
  std::size_t used_ = 4;
};

struct Affine {
  float xx, xy, yx, yy, x, y;
  StrokePoint operator()(StrokePoint p) const { return {xx * p.x + xy * p.y + x, yx * p.x + yy * p.y + y}; }
};

// Unit square to pixels: rotation of scale of shear about the glyph's middle, which lands near the image's middle.
Affine random_affine(Dice& dice) {
  const float angle = 0.09F * dice.bell();  // radians; three standard deviations are 15 degrees
  const float shear = 0.10F * dice.bell();
  const float scale_x = kGlyphScale * dice.uniform(0.78F, 1.10F);
  const float scale_y = kGlyphScale * dice.uniform(0.80F, 1.08F);
  const float sine = std::sin(angle);
  const float cosine = std::cos(angle);
  Affine a{};
  a.xx = cosine * scale_x;
  a.xy = -sine * scale_y - cosine * scale_x * shear;
  a.yx = sine * scale_x;
  a.yy = cosine * scale_y - sine * scale_x * shear;
  const float middle = 0.5F * (kSide - 1);
  a.x = middle + 0.9F * dice.bell() - 0.5F * (a.xx + a.xy);
  a.y = middle + 0.9F * dice.bell() - 0.5F * (a.yx + a.yy);
  return a;
}

// The squared distance of each pixel to the nearest stroke, as far as `reach`.
class Canvas {
 public:
  explicit Canvas(float reach) : reach_(reach) { distance_.fill(1e9F); }

  void line(StrokePoint a, StrokePoint b) {
    const float dx = b.x - a.x;
    const float dy = b.y - a.y;
    const float length = std::max(dx * dx + dy * dy, 1e-6F);
    const int left = pixel(std::min(a.x, b.x) - reach_);
    const int right = pixel(std::max(a.x, b.x) + reach_ + 1);
    const int bottom = pixel(std::max(a.y, b.y) + reach_ + 1);
    for (int y = pixel(std::min(a.y, b.y) - reach_); y < bottom; ++y) {
      for (int x = left; x < right; ++x) {
        const float px = static_cast<float>(x) - a.x;
        const float py = static_cast<float>(y) - a.y;
        const float t = std::clamp((px * dx + py * dy) / length, 0.0F, 1.0F);
        const float ex = px - t * dx;
        const float ey = py - t * dy;
        float& nearest = distance_[static_cast<std::size_t>(y * kSide + x)];
        nearest = std::min(nearest, ex * ex + ey * ey);
      }
    }
  }
  float distance(std::size_t pixel_index) const { return std::sqrt(distance_[pixel_index]); }

 private:
  static int pixel(float position) { return static_cast<int>(std::clamp(position, 0.0F, static_cast<float>(kSide))); }
  float reach_;
  std::array<float, kPixels> distance_{};
};

StrokePoint on_curve(StrokePoint p0, StrokePoint p1, StrokePoint p2, StrokePoint p3, float t) {
  const auto blend = [t](float a, float b, float c, float d) {
    return 0.5F * (2 * b + t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))));
  };
  return {blend(p0.x, p1.x, p2.x, p3.x), blend(p0.y, p1.y, p2.y, p3.y)};
}

void draw_stroke(const Stroke& stroke, const Affine& affine, float wobble, Dice& dice, Canvas& canvas) {
  std::array<StrokePoint, 16> points{};
  const std::size_t count = stroke.points.size();
  for (std::size_t i = 0; i < count; ++i) {
    const StrokePoint p = stroke.points[i];
    points[i] = affine({p.x + wobble * dice.bell(), p.y + wobble * dice.bell()});
  }
  constexpr int kPieces = 5;
  for (std::size_t i = 0; i + 1 < count; ++i) {
    if (!stroke.smooth) {
      canvas.line(points[i], points[i + 1]);
      continue;
    }
    const StrokePoint before = points[i == 0 ? 0 : i - 1];
    const StrokePoint after = points[std::min(i + 2, count - 1)];
    StrokePoint from = points[i];
    for (int piece = 1; piece <= kPieces; ++piece) {
      const StrokePoint to = on_curve(before, points[i], points[i + 1], after, static_cast<float>(piece) / kPieces);
      canvas.line(from, to);
      from = to;
    }
  }
}

std::int32_t draw_digit(Dice dice, std::uint8_t* image) {
  const int digit = dice.below(10);
  const auto glyphs = digit_glyphs(digit);
  const Glyph glyph = glyphs[static_cast<std::size_t>(dice.below(glyphs.size()))];
  const Affine affine = random_affine(dice);
  const float wobble = dice.uniform(0.008F, 0.024F);
  const float radius = dice.uniform(0.65F, 1.75F);  // half the thickness, in pixels
  const float softness = dice.uniform(0.8F, 1.4F);
  const float brightness = dice.uniform(0.72F, 1.0F);
  const float noise = std::max(0.0F, dice.uniform(-0.04F, 0.10F));
  Canvas canvas(radius + softness);
  for (const Stroke& stroke : glyph) draw_stroke(stroke, affine, wobble, dice, canvas);
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < kPixels; ++i) {
    if (i % 2 == 0) bits = dice.word();
    // Two bytes' difference: a triangular distribution over -1..1.
    const float speckle = (static_cast<float>(bits & 0xff) - static_cast<float>(bits >> 8 & 0xff)) / 255.0F;
    bits >>= 16;
    const float ink = std::clamp(0.5F + (radius - canvas.distance(i)) / softness, 0.0F, 1.0F);
    const float value = std::clamp(brightness * ink + noise * speckle, 0.0F, 1.0F);
    image[i] = static_cast<std::uint8_t>(value * 255.0F + 0.5F);
  }
  return digit;
}

ImageSet draw_set(std::uint64_t seed, std::uint64_t split, std::int64_t count) {
  ImageSet set{Tensor(DType::kUInt8, {count, kSide, kSide, 1}),
               Tensor(DType::kInt32, {count}),
               10,
               {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}};
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint64_t stream = mix64(kDigitStream + split) + static_cast<std::uint64_t>(i);
    set.labels.data<std::int32_t>()[i] =
        draw_digit(Dice(PhiloxStream(seed, stream)), set.images.data<std::uint8_t>() + i * kPixels);
  }
  return set;
}

}  // namespace

ImageDataset synthetic_digits(const SyntheticDigits& options) {
  if (options.train < 0 || options.test < 0) {
    throw invalid_argument(
        fmt::format("synthetic_digits: train {} and test {} must not be negative", options.train, options.test));
  }
  return {draw_set(options.seed, 0, options.train), draw_set(options.seed, 1, options.test)};
}

}  // namespace gradus::io
