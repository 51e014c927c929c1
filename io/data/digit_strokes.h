// How people write the ten digits, as strokes in a unit square. Not for users; see synthetic_digits().
#pragma once

#include <array>
#include <span>

#include "gradus/core/language.h"

namespace gradus::io {

struct StrokePoint {
  float x;  // 0 left, 1 right
  float y;  // 0 top, 1 bottom
};

struct Stroke {
  std::span<const StrokePoint> points;
  bool smooth = false;  // a curve through the points (Catmull and Rom, 1974), else straight lines
};

// One way to write a digit: up to three strokes, the last of which may have no points.
using Glyph = std::array<Stroke, 3>;

// The ways to write `digit` (0..9).
std::span<const Glyph> digit_glyphs(int digit);

}  // namespace gradus::io
