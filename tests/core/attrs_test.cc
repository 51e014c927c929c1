// Attrs: everything (equality, hash, text, readers, writers) follows from one visit().
#include "gradus/core/attrs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/expect_error.h"

namespace gradus {

enum class Colour { kRed, kGreen };
template <>
struct EnumNames<Colour> {
  static constexpr const char* values[] = {"RED", "GREEN"};
};

namespace {

struct Everything {
  bool flag = false;
  std::int64_t count = 3;
  double scale = 0.5;
  std::string label = "a b";
  DType dtype = DType::kFloat32;
  Shape shape = {2, -1};
  std::vector<std::int64_t> axes = {0, -1};
  Colour colour = Colour::kGreen;
  Tensor value = {};
  template <class V>
  void visit(V& v) {
    v("flag", flag, "a switch");
    v("count", count);
    v("scale", scale);
    v("label", label);
    v("dtype", dtype);
    v("shape", shape);
    v("axes", axes);
    v("colour", colour);
    v("value", value);
  }
};

// Another struct with the same fields as text.
struct JustACount {
  std::int64_t count = 3;
  template <class V>
  void visit(V& v) {
    v("count", count);
  }
};
struct AlsoACount {
  std::int64_t count = 3;
  template <class V>
  void visit(V& v) {
    v("count", count);
  }
};

// Changes every field it sees.
class Changer final : public AttrVisitor {
 public:
  void field(const AttrField& f, AttrRef value) override {
    names += std::string(f.name) + (*f.doc != 0 ? "(" + std::string(f.doc) + ") " : " ");
    std::visit(Overloaded{
                   [](bool* v) { *v = !*v; },
                   [](std::int64_t* v) { *v += 1; },
                   [](double* v) { *v *= 2; },
                   [](Number* v) { *v = 2 * v->real(); },
                   [](std::string* v) { *v += "!"; },
                   [](DType* v) { *v = DType::kInt64; },
                   [](Shape* v) { *v = Shape{7}; },
                   [](std::vector<std::int64_t>* v) { v->push_back(9); },
                   [](Tensor* v) { *v = Tensor::scalar(1.0f); },
                   [](EnumValue* v) { v->index = 0; },
               },
               value);
  }
  std::string names;
};

TEST(Attrs, PrintEveryField) {
  EXPECT_EQ(
      Attrs(Everything{}).to_string(),
      "flag=false count=3 scale=0.5 label='a b' dtype=float32 shape=[2,?] axes=[0,-1] colour=GREEN value=(no value)");
  EXPECT_EQ(Attrs().to_string(), "");
  EXPECT_TRUE(Attrs().empty());
  EXPECT_FALSE(Attrs(Everything{}).empty());
}

TEST(Attrs, AWriterChangesACopyAndAReaderNothing) {
  const Attrs original = Everything{};
  Changer reader;
  original.visit(reader);
  EXPECT_EQ(reader.names, "flag(a switch) count scale label dtype shape axes colour value ");
  EXPECT_TRUE(original == Attrs(Everything{}));

  Changer writer;
  const Attrs changed = original.edited(writer);
  EXPECT_TRUE(original == Attrs(Everything{}));
  const auto& e = changed.get<Everything>();
  EXPECT_TRUE(e.flag);
  EXPECT_EQ(e.count, 4);
  EXPECT_EQ(e.scale, 1.0);
  EXPECT_EQ(e.label, "a b!");
  EXPECT_EQ(e.dtype, DType::kInt64);
  EXPECT_EQ(e.shape, (Shape{7}));
  EXPECT_EQ(e.axes, (std::vector<std::int64_t>{0, -1, 9}));
  EXPECT_EQ(e.colour, Colour::kRed);
  EXPECT_EQ(e.value.item<float>(), 1.0f);
}

TEST(Attrs, EqualityAndHashSeeEveryField) {
  const Attrs base = Everything{};
  EXPECT_TRUE(base == Attrs(Everything{}));
  EXPECT_EQ(base.hash(), Attrs(Everything{}).hash());
  const std::vector<Attrs> different = {Everything{.flag = true},
                                        Everything{.count = 4},
                                        Everything{.scale = std::nextafter(0.5, 1.0)},
                                        Everything{.label = "a"},
                                        Everything{.dtype = DType::kInt32},
                                        Everything{.shape = {2}},
                                        Everything{.axes = {0}},
                                        Everything{.colour = Colour::kRed},
                                        Everything{.value = Tensor::scalar(0.0f)}};
  for (std::size_t i = 0; i < different.size(); ++i) {
    EXPECT_FALSE(base == different[i]) << i;
    EXPECT_NE(base.hash(), different[i].hash()) << i;
    for (std::size_t j = 0; j < i; ++j) EXPECT_FALSE(different[i] == different[j]) << i << " " << j;
  }
}

TEST(Attrs, TensorsAreComparedByAllTheirBits) {
  Tensor a = Tensor::zeros(DType::kFloat32, {100});
  Tensor b = a.clone();
  EXPECT_TRUE(Attrs(Everything{.value = a}) == Attrs(Everything{.value = b}));
  b.set(99, 1e-30);  // far behind what is printed
  EXPECT_FALSE(Attrs(Everything{.value = a}) == Attrs(Everything{.value = b}));
  EXPECT_FALSE(Attrs(Everything{.value = a}) == Attrs(Everything{.value = a.reshaped({10, 10})}));
  EXPECT_FALSE(Attrs(Everything{.value = Tensor::scalar(0.0f)}) == Attrs(Everything{.value = Tensor::scalar(-0.0f)}));
  EXPECT_FALSE(Attrs(Everything{.value = Tensor::zeros(DType::kFloat32, {1})}) ==
               Attrs(Everything{.value = Tensor::zeros(DType::kInt32, {1})}));
}

struct TwoTexts {
  std::string first, second;
  template <class V>
  void visit(V& v) {
    v("a", first);
    v("b", second);
  }
};

TEST(Attrs, TextsCannotImitateOtherFields) {
  const Attrs left = TwoTexts{"1' b='2", "3"}, right = TwoTexts{"1", "2' b='3"};
  EXPECT_EQ(left.to_string(), right.to_string());  // a='1' b='2' b='3'
  EXPECT_FALSE(left == right);
}

TEST(Attrs, NumbersAreComparedByAllTheirBits) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(Attrs(Everything{.scale = 0.0}) == Attrs(Everything{.scale = -0.0}));
  EXPECT_TRUE(Attrs(Everything{.scale = nan}) == Attrs(Everything{.scale = nan}));
  EXPECT_FALSE(Attrs(Everything{.scale = 0.1}) == Attrs(Everything{.scale = std::nextafter(0.1, 1.0)}));
}

TEST(Attrs, StructsOfDifferentTypeAreNeverEqual) {
  EXPECT_FALSE(Attrs(JustACount{}) == Attrs(AlsoACount{}));
  EXPECT_TRUE(Attrs(JustACount{}) == Attrs(JustACount{}));
  EXPECT_TRUE(Attrs(JustACount{}).holds<JustACount>());
  EXPECT_FALSE(Attrs(JustACount{}).holds<AlsoACount>());
  expect_error(Code::kInternal, "not of type", [] { (void)Attrs(JustACount{}).get<AlsoACount>(); });
}

TEST(Attrs, AnEnumeratorWithoutNameIsRefused) {
  const Attrs attrs(Everything{.colour = static_cast<Colour>(7)});
  expect_error(Code::kInvalidArgument, "colour has no value number 7; it may be RED, GREEN",
               [&] { attrs.to_string(); });
}

}  // namespace
}  // namespace gradus
