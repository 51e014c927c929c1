#include "gradus/io/data/digit_strokes.h"

namespace gradus::io {
namespace {

using P = StrokePoint;

constexpr Stroke curve(std::span<const P> points) { return {points, true}; }
constexpr Stroke lines(std::span<const P> points) { return {points, false}; }

// Each digit fills about x 0.2 .. 0.8, y 0.1 .. 0.9. Closed curves repeat their first point.

constexpr P k0Round[] = {{.50F, .10F}, {.28F, .22F}, {.20F, .50F}, {.28F, .78F}, {.50F, .90F},
                         {.72F, .78F}, {.80F, .50F}, {.72F, .22F}, {.50F, .10F}};
constexpr P k0Narrow[] = {{.52F, .10F}, {.38F, .22F}, {.33F, .50F}, {.38F, .80F}, {.50F, .90F},
                          {.62F, .78F}, {.67F, .50F}, {.63F, .22F}, {.52F, .10F}};
constexpr P k0Open[] = {{.62F, .14F}, {.40F, .14F}, {.22F, .38F}, {.24F, .70F}, {.45F, .90F},
                        {.70F, .80F}, {.80F, .50F}, {.70F, .22F}, {.48F, .12F}, {.40F, .20F}};
constexpr Glyph k0[] = {{curve(k0Round)}, {curve(k0Narrow)}, {curve(k0Open)}};

constexpr P k1Plain[] = {{.50F, .10F}, {.50F, .90F}};
constexpr P k1Flag[] = {{.34F, .28F}, {.54F, .10F}, {.54F, .90F}};
constexpr P k1Slanted[] = {{.60F, .10F}, {.42F, .90F}};
constexpr P k1Base[] = {{.34F, .90F}, {.72F, .90F}};
constexpr Glyph k1[] = {{lines(k1Plain)}, {lines(k1Flag)}, {lines(k1Slanted)}, {lines(k1Flag), lines(k1Base)}};

constexpr P k2Arc[] = {{.24F, .30F}, {.34F, .14F}, {.56F, .10F}, {.74F, .22F},
                       {.72F, .42F}, {.52F, .64F}, {.24F, .88F}};
constexpr P k2Base[] = {{.24F, .88F}, {.80F, .88F}};
constexpr P k2Loop[] = {{.24F, .26F}, {.44F, .10F}, {.70F, .18F}, {.72F, .40F}, {.54F, .66F}, {.34F, .86F},
                        {.22F, .84F}, {.26F, .74F}, {.42F, .78F}, {.60F, .88F}, {.80F, .82F}};
constexpr P k2Angular[] = {{.22F, .18F}, {.70F, .14F}, {.74F, .30F}, {.26F, .88F}, {.78F, .84F}};
constexpr Glyph k2[] = {{curve(k2Arc), lines(k2Base)}, {curve(k2Loop)}, {lines(k2Angular)}};

constexpr P k3Upper[] = {{.26F, .20F}, {.46F, .10F}, {.70F, .18F}, {.70F, .38F}, {.44F, .47F}};
constexpr P k3Lower[] = {{.44F, .47F}, {.72F, .56F}, {.76F, .76F}, {.52F, .90F}, {.24F, .80F}};
constexpr P k3Flat[] = {{.26F, .12F}, {.72F, .12F}, {.46F, .42F}};
constexpr P k3FlatBelly[] = {{.46F, .42F}, {.72F, .52F}, {.74F, .76F}, {.50F, .90F}, {.24F, .82F}};
constexpr P k3Curl[] = {{.28F, .16F}, {.52F, .10F}, {.70F, .24F}, {.56F, .42F}, {.46F, .46F}, {.42F, .48F},
                        {.48F, .49F}, {.66F, .58F}, {.70F, .78F}, {.48F, .90F}, {.26F, .86F}};
constexpr Glyph k3[] = {{curve(k3Upper), curve(k3Lower)}, {lines(k3Flat), curve(k3FlatBelly)}, {curve(k3Curl)}};

constexpr P k4OpenLeft[] = {{.32F, .12F}, {.26F, .56F}, {.78F, .54F}};
constexpr P k4OpenStem[] = {{.66F, .26F}, {.62F, .90F}};
constexpr P k4Closed[] = {{.64F, .90F}, {.64F, .10F}, {.20F, .64F}, {.82F, .64F}};
constexpr P k4RoundLeft[] = {{.28F, .12F}, {.24F, .34F}, {.30F, .52F}, {.50F, .54F}, {.70F, .46F}};
constexpr P k4RoundStem[] = {{.72F, .12F}, {.70F, .46F}, {.66F, .90F}};
constexpr Glyph k4[] = {
    {lines(k4OpenLeft), lines(k4OpenStem)}, {lines(k4Closed)}, {curve(k4RoundLeft), lines(k4RoundStem)}};

constexpr P k5Corner[] = {{.74F, .12F}, {.34F, .12F}, {.30F, .44F}};
constexpr P k5Belly[] = {{.30F, .44F}, {.52F, .38F}, {.74F, .52F}, {.74F, .76F}, {.52F, .90F}, {.26F, .82F}};
constexpr P k5Smooth[] = {{.76F, .12F}, {.54F, .12F}, {.36F, .18F}, {.34F, .36F}, {.50F, .46F},
                          {.70F, .58F}, {.70F, .78F}, {.48F, .90F}, {.24F, .84F}};
constexpr P k5Stem[] = {{.36F, .14F}, {.32F, .42F}};
constexpr P k5Bar[] = {{.36F, .12F}, {.80F, .10F}};
constexpr P k5WideBelly[] = {{.32F, .42F}, {.56F, .42F}, {.72F, .58F}, {.66F, .80F}, {.44F, .90F}, {.22F, .86F}};
constexpr Glyph k5[] = {
    {lines(k5Corner), curve(k5Belly)}, {curve(k5Smooth)}, {lines(k5Stem), curve(k5WideBelly), lines(k5Bar)}};

constexpr P k6Curved[] = {{.66F, .12F}, {.42F, .26F}, {.27F, .52F}, {.28F, .78F}, {.48F, .90F},
                          {.70F, .80F}, {.70F, .60F}, {.50F, .50F}, {.29F, .64F}};
constexpr P k6Straight[] = {{.52F, .10F}, {.36F, .42F}, {.28F, .70F}, {.40F, .88F}, {.62F, .86F},
                            {.72F, .70F}, {.60F, .56F}, {.42F, .60F}, {.30F, .74F}};
constexpr P k6Small[] = {{.60F, .10F}, {.36F, .34F}, {.26F, .66F}, {.36F, .88F}, {.54F, .88F},
                         {.62F, .74F}, {.54F, .62F}, {.40F, .66F}, {.32F, .80F}};
constexpr Glyph k6[] = {{curve(k6Curved)}, {curve(k6Straight)}, {curve(k6Small)}};

constexpr P k7Plain[] = {{.22F, .14F}, {.78F, .14F}, {.44F, .90F}};
constexpr P k7Cross[] = {{.36F, .52F}, {.72F, .50F}};
constexpr P k7Curved[] = {{.22F, .20F}, {.44F, .14F}, {.76F, .12F}, {.66F, .34F}, {.50F, .60F}, {.44F, .90F}};
constexpr P k7Serif[] = {{.22F, .28F}, {.24F, .14F}, {.76F, .14F}, {.50F, .90F}};
constexpr Glyph k7[] = {{lines(k7Plain)}, {lines(k7Plain), lines(k7Cross)}, {curve(k7Curved)}, {lines(k7Serif)}};

constexpr P k8Crossing[] = {{.68F, .20F}, {.50F, .10F}, {.32F, .20F}, {.36F, .38F}, {.52F, .48F},
                            {.70F, .62F}, {.70F, .80F}, {.50F, .90F}, {.30F, .80F}, {.30F, .62F},
                            {.48F, .48F}, {.64F, .38F}, {.68F, .20F}};
constexpr P k8Top[] = {{.50F, .10F}, {.34F, .18F}, {.32F, .34F}, {.50F, .46F},
                       {.68F, .34F}, {.66F, .18F}, {.50F, .10F}};
constexpr P k8Bottom[] = {{.50F, .46F}, {.28F, .58F}, {.28F, .80F}, {.50F, .90F},
                          {.72F, .80F}, {.72F, .58F}, {.50F, .46F}};
constexpr P k8Slim[] = {{.72F, .14F}, {.48F, .10F}, {.36F, .24F}, {.46F, .42F}, {.60F, .60F}, {.60F, .82F},
                        {.44F, .90F}, {.34F, .78F}, {.42F, .60F}, {.56F, .42F}, {.70F, .26F}, {.72F, .14F}};
constexpr Glyph k8[] = {{curve(k8Crossing)}, {curve(k8Top), curve(k8Bottom)}, {curve(k8Slim)}};

constexpr P k9Straight[] = {{.70F, .28F}, {.54F, .10F}, {.32F, .18F}, {.28F, .38F},
                            {.46F, .50F}, {.66F, .42F}, {.70F, .28F}};
constexpr P k9StraightTail[] = {{.70F, .20F}, {.66F, .90F}};
constexpr P k9Hooked[] = {{.70F, .30F}, {.56F, .11F}, {.34F, .17F}, {.28F, .36F}, {.44F, .49F}, {.64F, .42F},
                          {.71F, .26F}, {.72F, .56F}, {.62F, .84F}, {.42F, .90F}, {.28F, .80F}};
constexpr P k9Leaning[] = {{.68F, .22F}, {.50F, .12F}, {.32F, .26F}, {.34F, .44F},
                           {.52F, .46F}, {.68F, .24F}, {.62F, .52F}, {.50F, .90F}};
constexpr Glyph k9[] = {{curve(k9Straight), lines(k9StraightTail)}, {curve(k9Hooked)}, {curve(k9Leaning)}};

constexpr std::span<const Glyph> kDigits[] = {k0, k1, k2, k3, k4, k5, k6, k7, k8, k9};

}  // namespace

std::span<const Glyph> digit_glyphs(int digit) { return kDigits[digit]; }

}  // namespace gradus::io
