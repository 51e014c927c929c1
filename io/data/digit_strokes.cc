#include "gradus/io/data/digit_strokes.h"

namespace gradus::io {
namespace {

using P = StrokePoint;

// Each digit fills about x 0.2 .. 0.8, y 0.1 .. 0.9. Closed curves repeat their first point.

constexpr P k0Round[] = {{.50F, .10F}, {.28F, .22F}, {.20F, .50F}, {.28F, .78F}, {.50F, .90F},
                         {.72F, .78F}, {.80F, .50F}, {.72F, .22F}, {.50F, .10F}};
constexpr P k0Narrow[] = {{.52F, .10F}, {.38F, .22F}, {.33F, .50F}, {.38F, .80F}, {.50F, .90F},
                          {.62F, .78F}, {.67F, .50F}, {.63F, .22F}, {.52F, .10F}};
constexpr P k0Open[] = {{.62F, .14F}, {.40F, .14F}, {.22F, .38F}, {.24F, .70F}, {.45F, .90F},
                        {.70F, .80F}, {.80F, .50F}, {.70F, .22F}, {.48F, .12F}, {.40F, .20F}};
constexpr Stroke k0RoundStrokes[] = {{k0Round, true}};
constexpr Stroke k0NarrowStrokes[] = {{k0Narrow, true}};
constexpr Stroke k0OpenStrokes[] = {{k0Open, true}};
constexpr Glyph k0[] = {k0RoundStrokes, k0NarrowStrokes, k0OpenStrokes};

constexpr P k1Plain[] = {{.50F, .10F}, {.50F, .90F}};
constexpr P k1Flag[] = {{.34F, .28F}, {.54F, .10F}, {.54F, .90F}};
constexpr P k1Slanted[] = {{.60F, .10F}, {.42F, .90F}};
constexpr P k1Base[] = {{.34F, .90F}, {.72F, .90F}};
constexpr Stroke k1PlainStrokes[] = {{k1Plain, false}};
constexpr Stroke k1FlagStrokes[] = {{k1Flag, false}};
constexpr Stroke k1SlantedStrokes[] = {{k1Slanted, false}};
constexpr Stroke k1BaseStrokes[] = {{k1Flag, false}, {k1Base, false}};
constexpr Glyph k1[] = {k1PlainStrokes, k1FlagStrokes, k1SlantedStrokes, k1BaseStrokes};

constexpr P k2Arc[] = {{.24F, .30F}, {.34F, .14F}, {.56F, .10F}, {.74F, .22F},
                       {.72F, .42F}, {.52F, .64F}, {.24F, .88F}};
constexpr P k2Base[] = {{.24F, .88F}, {.80F, .88F}};
constexpr P k2Loop[] = {{.24F, .26F}, {.44F, .10F}, {.70F, .18F}, {.72F, .40F}, {.54F, .66F}, {.34F, .86F},
                        {.22F, .84F}, {.26F, .74F}, {.42F, .78F}, {.60F, .88F}, {.80F, .82F}};
constexpr P k2Angular[] = {{.22F, .18F}, {.70F, .14F}, {.74F, .30F}, {.26F, .88F}, {.78F, .84F}};
constexpr Stroke k2ArcStrokes[] = {{k2Arc, true}, {k2Base, false}};
constexpr Stroke k2LoopStrokes[] = {{k2Loop, true}};
constexpr Stroke k2AngularStrokes[] = {{k2Angular, false}};
constexpr Glyph k2[] = {k2ArcStrokes, k2LoopStrokes, k2AngularStrokes};

constexpr P k3Upper[] = {{.26F, .20F}, {.46F, .10F}, {.70F, .18F}, {.70F, .38F}, {.44F, .47F}};
constexpr P k3Lower[] = {{.44F, .47F}, {.72F, .56F}, {.76F, .76F}, {.52F, .90F}, {.24F, .80F}};
constexpr P k3Flat[] = {{.26F, .12F}, {.72F, .12F}, {.46F, .42F}};
constexpr P k3FlatBelly[] = {{.46F, .42F}, {.72F, .52F}, {.74F, .76F}, {.50F, .90F}, {.24F, .82F}};
constexpr P k3Curl[] = {{.28F, .16F}, {.52F, .10F}, {.70F, .24F}, {.56F, .42F}, {.46F, .46F}, {.42F, .48F},
                        {.48F, .49F}, {.66F, .58F}, {.70F, .78F}, {.48F, .90F}, {.26F, .86F}};
constexpr Stroke k3RoundStrokes[] = {{k3Upper, true}, {k3Lower, true}};
constexpr Stroke k3FlatStrokes[] = {{k3Flat, false}, {k3FlatBelly, true}};
constexpr Stroke k3CurlStrokes[] = {{k3Curl, true}};
constexpr Glyph k3[] = {k3RoundStrokes, k3FlatStrokes, k3CurlStrokes};

constexpr P k4OpenLeft[] = {{.32F, .12F}, {.26F, .56F}, {.78F, .54F}};
constexpr P k4OpenStem[] = {{.66F, .26F}, {.62F, .90F}};
constexpr P k4Closed[] = {{.64F, .90F}, {.64F, .10F}, {.20F, .64F}, {.82F, .64F}};
constexpr P k4RoundLeft[] = {{.28F, .12F}, {.24F, .34F}, {.30F, .52F}, {.50F, .54F}, {.70F, .46F}};
constexpr P k4RoundStem[] = {{.72F, .12F}, {.70F, .46F}, {.66F, .90F}};
constexpr Stroke k4OpenStrokes[] = {{k4OpenLeft, false}, {k4OpenStem, false}};
constexpr Stroke k4ClosedStrokes[] = {{k4Closed, false}};
constexpr Stroke k4RoundStrokes[] = {{k4RoundLeft, true}, {k4RoundStem, false}};
constexpr Glyph k4[] = {k4OpenStrokes, k4ClosedStrokes, k4RoundStrokes};

constexpr P k5Corner[] = {{.74F, .12F}, {.34F, .12F}, {.30F, .44F}};
constexpr P k5Belly[] = {{.30F, .44F}, {.52F, .38F}, {.74F, .52F}, {.74F, .76F}, {.52F, .90F}, {.26F, .82F}};
constexpr P k5Smooth[] = {{.76F, .12F}, {.54F, .12F}, {.36F, .18F}, {.34F, .36F}, {.50F, .46F},
                          {.70F, .58F}, {.70F, .78F}, {.48F, .90F}, {.24F, .84F}};
constexpr P k5Stem[] = {{.36F, .14F}, {.32F, .42F}};
constexpr P k5Bar[] = {{.36F, .12F}, {.80F, .10F}};
constexpr P k5WideBelly[] = {{.32F, .42F}, {.56F, .42F}, {.72F, .58F}, {.66F, .80F}, {.44F, .90F}, {.22F, .86F}};
constexpr Stroke k5CornerStrokes[] = {{k5Corner, false}, {k5Belly, true}};
constexpr Stroke k5SmoothStrokes[] = {{k5Smooth, true}};
constexpr Stroke k5BarStrokes[] = {{k5Stem, false}, {k5WideBelly, true}, {k5Bar, false}};
constexpr Glyph k5[] = {k5CornerStrokes, k5SmoothStrokes, k5BarStrokes};

constexpr P k6Curved[] = {{.66F, .12F}, {.42F, .26F}, {.27F, .52F}, {.28F, .78F}, {.48F, .90F},
                          {.70F, .80F}, {.70F, .60F}, {.50F, .50F}, {.29F, .64F}};
constexpr P k6Straight[] = {{.52F, .10F}, {.36F, .42F}, {.28F, .70F}, {.40F, .88F}, {.62F, .86F},
                            {.72F, .70F}, {.60F, .56F}, {.42F, .60F}, {.30F, .74F}};
constexpr P k6Small[] = {{.60F, .10F}, {.36F, .34F}, {.26F, .66F}, {.36F, .88F}, {.54F, .88F},
                         {.62F, .74F}, {.54F, .62F}, {.40F, .66F}, {.32F, .80F}};
constexpr Stroke k6CurvedStrokes[] = {{k6Curved, true}};
constexpr Stroke k6StraightStrokes[] = {{k6Straight, true}};
constexpr Stroke k6SmallStrokes[] = {{k6Small, true}};
constexpr Glyph k6[] = {k6CurvedStrokes, k6StraightStrokes, k6SmallStrokes};

constexpr P k7Plain[] = {{.22F, .14F}, {.78F, .14F}, {.44F, .90F}};
constexpr P k7Cross[] = {{.36F, .52F}, {.72F, .50F}};
constexpr P k7Curved[] = {{.22F, .20F}, {.44F, .14F}, {.76F, .12F}, {.66F, .34F}, {.50F, .60F}, {.44F, .90F}};
constexpr P k7Serif[] = {{.22F, .28F}, {.24F, .14F}, {.76F, .14F}, {.50F, .90F}};
constexpr Stroke k7PlainStrokes[] = {{k7Plain, false}};
constexpr Stroke k7CrossStrokes[] = {{k7Plain, false}, {k7Cross, false}};
constexpr Stroke k7CurvedStrokes[] = {{k7Curved, true}};
constexpr Stroke k7SerifStrokes[] = {{k7Serif, false}};
constexpr Glyph k7[] = {k7PlainStrokes, k7CrossStrokes, k7CurvedStrokes, k7SerifStrokes};

constexpr P k8Crossing[] = {{.68F, .20F}, {.50F, .10F}, {.32F, .20F}, {.36F, .38F}, {.52F, .48F},
                            {.70F, .62F}, {.70F, .80F}, {.50F, .90F}, {.30F, .80F}, {.30F, .62F},
                            {.48F, .48F}, {.64F, .38F}, {.68F, .20F}};
constexpr P k8Top[] = {{.50F, .10F}, {.34F, .18F}, {.32F, .34F}, {.50F, .46F},
                       {.68F, .34F}, {.66F, .18F}, {.50F, .10F}};
constexpr P k8Bottom[] = {{.50F, .46F}, {.28F, .58F}, {.28F, .80F}, {.50F, .90F},
                          {.72F, .80F}, {.72F, .58F}, {.50F, .46F}};
constexpr P k8Slim[] = {{.72F, .14F}, {.48F, .10F}, {.36F, .24F}, {.46F, .42F}, {.60F, .60F}, {.60F, .82F},
                        {.44F, .90F}, {.34F, .78F}, {.42F, .60F}, {.56F, .42F}, {.70F, .26F}, {.72F, .14F}};
constexpr Stroke k8CrossingStrokes[] = {{k8Crossing, true}};
constexpr Stroke k8RingsStrokes[] = {{k8Top, true}, {k8Bottom, true}};
constexpr Stroke k8SlimStrokes[] = {{k8Slim, true}};
constexpr Glyph k8[] = {k8CrossingStrokes, k8RingsStrokes, k8SlimStrokes};

constexpr P k9Straight[] = {{.70F, .28F}, {.54F, .10F}, {.32F, .18F}, {.28F, .38F},
                            {.46F, .50F}, {.66F, .42F}, {.70F, .28F}};
constexpr P k9StraightTail[] = {{.70F, .20F}, {.66F, .90F}};
constexpr P k9Hooked[] = {{.70F, .30F}, {.56F, .11F}, {.34F, .17F}, {.28F, .36F}, {.44F, .49F}, {.64F, .42F},
                          {.71F, .26F}, {.72F, .56F}, {.62F, .84F}, {.42F, .90F}, {.28F, .80F}};
constexpr P k9Leaning[] = {{.68F, .22F}, {.50F, .12F}, {.32F, .26F}, {.34F, .44F},
                           {.52F, .46F}, {.68F, .24F}, {.62F, .52F}, {.50F, .90F}};
constexpr Stroke k9StraightStrokes[] = {{k9Straight, true}, {k9StraightTail, false}};
constexpr Stroke k9HookedStrokes[] = {{k9Hooked, true}};
constexpr Stroke k9LeaningStrokes[] = {{k9Leaning, true}};
constexpr Glyph k9[] = {k9StraightStrokes, k9HookedStrokes, k9LeaningStrokes};

constexpr std::span<const Glyph> kDigits[] = {k0, k1, k2, k3, k4, k5, k6, k7, k8, k9};

}  // namespace

std::span<const Glyph> digit_glyphs(int digit) { return kDigits[digit]; }

}  // namespace gradus::io
