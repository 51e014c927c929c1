// What a kernel registry and a kernel's context refuse, and what attributes of a wrong type say.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "gradus/core/attrs.h"
#include "gradus/core/caller.h"
#include "gradus/core/kernel.h"
#include "tests/support/expect_error.h"

namespace gradus {

struct SteepnessAttrs {
  double beta = 1.5;
  template <class V>
  void visit(V& v) {
    v("beta", beta, "");
  }
};
struct OffsetAttrs {
  double offset = 0;
  template <class V>
  void visit(V& v) {
    v("offset", offset, "");
  }
};

namespace {

void no_work(KernelContext&) {}

TEST(KernelRegistry, RefusesAKernelWithoutAFunctionOrNames) {
  KernelRegistry registry;
  const std::string line = std::to_string(__LINE__ + 3);
  expect_error(Code::kInvalidArgument,
               "add 'Swish' at registry_mistakes_test.cc:" + line + "] a kernel needs a function",
               [&] { registry.add("Swish", "cpu", kFloating, nullptr); });
  expect_error(Code::kInvalidArgument, "needs the names", [&] { registry.add("", "cpu", kFloating, no_work); });
  expect_error(Code::kInvalidArgument, "needs the names", [&] { registry.add("Swish", "", kFloating, no_work); });
  expect_error(Code::kInvalidArgument, "'cpu:0' is no device type; write one like cpu",
               [&] { registry.add("Swish", "cpu:0", kFloating, no_work); });
  expect_error(Code::kInvalidArgument, "needs the dtypes", [&] { registry.add("Swish", "cpu", {}, no_work); });
  expect_error(Code::kInvalidArgument, "is registered by add_fused()", [&] {
    registry.add(
        {.op = "Swish", .device_type = "cpu", .dtypes = kFloating, .compute = no_work, .chain = {"Swish", "Neg"}});
  });
  EXPECT_TRUE(registry.for_op("Swish").empty());
}

TEST(KernelRegistry, RefusesChainsThatCannotBe) {
  KernelRegistry registry;
  expect_error(Code::kInvalidArgument, "add_fused 'Swish' at registry_mistakes_test.cc",
               [&] { registry.add_fused({"Swish"}, "cpu", kFloating, no_work); });
  expect_error(Code::kInvalidArgument, "an op of the chain has no name", [&] {
    registry.add_fused({"Swish", ""}, "cpu", kFloating, no_work);
  });
  expect_error(Code::kInvalidArgument, "the first op of a chain", [&] {
    registry.add_fused({{"Add", kAnyOperand}, "Swish"}, "cpu", kFloating, no_work);
  });
  EXPECT_TRUE(registry.fused().empty());
}

TEST(KernelContext, WhatWasNotKeptAndWhatHasNoMemoryAreErrors) {
  KernelContext c;
  const std::string where = "[Swish 's' at a.cc:1]";
  c.where_ = &where;
  expect_error(Code::kInvalidArgument, where + " the kernel asks by kept() for what its prepare() has not kept",
               [&] { (void)c.kept<int>(); });
  const Tensor shape_only(Buffer(), 0, DType::kInt32, Shape({2}));
  const std::string text = "the tensor, int32 [2], has a shape but no memory";
  expect_error(Code::kInvalidArgument, text, [&] { (void)shape_only.data<std::int32_t>(); });
  expect_error(Code::kInvalidArgument, text, [&] { (void)shape_only.at(1); });
}

Backend complete(std::string type) {
  return {.type = std::move(type),
          .description = "for tests",
          .list =
              [] {
                return std::vector<DeviceInfo>{{{"odd", 0}, "one"}};
              },
          .missing = [] { return std::string(); },
          .create = [](int, const DeviceOptions&) { return std::unique_ptr<Device>(); }};
}

TEST(BackendRegistry, RefusesBackendsThatNobodyCouldUse) {
  BackendRegistry registry;
  for (const char* type : {"", "we:ird", "Odd"}) {
    expect_error(Code::kInvalidArgument, "is no device type", [&] { registry.add(complete(type)); });
  }
  Backend odd = complete("odd");
  odd.list = nullptr;
  expect_error(Code::kInvalidArgument, "it has no 'list'", [&] { registry.add(odd); });
  odd = complete("odd");
  odd.missing = nullptr;
  expect_error(Code::kInvalidArgument, "it has no 'missing'", [&] { registry.add(odd); });
  odd = complete("odd");
  odd.create = nullptr;
  expect_error(Code::kInvalidArgument, "it has no 'create'", [&] { registry.add(odd); });
  EXPECT_TRUE(registry.all().empty());
  registry.add(complete("odd"));
  expect_error(Code::kInternal, "backend 'odd' made no device 'odd:0'", [&] { registry.create({"odd", 0}, {}); });
}

TEST(AllocateOn, ADeviceThatGivesNoMemoryIsNamed) {
  struct Empty : Device {
    Empty() : Device({"odd", 0}) {}
    Buffer allocate(std::size_t) override { return {}; }
    void copy_from_host(void*, const void*, std::size_t) override {}
    void copy_to_host(void*, const void*, std::size_t) override {}
  } device;
  expect_error(Code::kInternal, "device 'odd:0' was asked for 8 bytes and gave no memory",
               [&] { allocate_on(device, 8); });
  EXPECT_EQ(allocate_on(device, 0), nullptr);
}

TEST(KernelRegistry, ASecondKernelNamesItsLine) {
  KernelRegistry registry;
  registry.add("Swish", "cpu", kFloating, no_work);
  const std::string line = std::to_string(__LINE__ + 1);
  const auto again = [&] { registry.add("Swish", "cpu", {DType::kInt32, DType::kFloat64}, no_work); };
  expect_error(Code::kInvalidArgument,
               "registry_mistakes_test.cc:" + line + "] a cpu kernel of Swish for float64 is registered already",
               again);
  registry.add("Swish", "cpu", {DType::kInt32}, no_work);
  EXPECT_NE(registry.find("Swish", "cpu", DType::kInt32), nullptr);
}

TEST(KernelRegistry, ChainsAndBatchesAreKeptApart) {
  KernelRegistry registry;
  registry.add("Swish", "cpu", kFloating, no_work);
  registry.add_batched("Swish", "cpu", kFloating, no_work);
  const KernelDef& fused = registry.add_fused({"Swish", {"Add", kAnyOperand}}, "cpu", kFloating, no_work);
  EXPECT_EQ(fused.op, "Swish+Add");
  EXPECT_EQ(registry.find("Swish+Add", "cpu", DType::kFloat32), nullptr);
  EXPECT_NE(registry.find_batched("Swish", "cpu", DType::kFloat32), registry.find("Swish", "cpu", DType::kFloat32));
  expect_error(Code::kInvalidArgument, "[kernel_registry().add_fused 'Swish' at registry_mistakes_test.cc:", [&] {
    registry.add_fused({"Swish"}, "cpu", kFloating, no_work);
  });
  expect_error(Code::kInvalidArgument, "a cpu kernel of Swish+Add for float64 is registered already", [&] {
    registry.add_fused({"Swish", "Add"}, "cpu", {DType::kFloat64}, no_work);
  });
  expect_error(Code::kInvalidArgument, "a cpu kernel of Swish for float64 is registered already",
               [&] { registry.add_batched("Swish", "cpu", {DType::kFloat64}, no_work); });
}

TEST(KernelContext, ShowsTheOperandsOfSeveralNodes) {
  const Tensor x = Tensor::scalar(1.0f), y = Tensor::scalar(2.0f);
  const std::string where = "both";
  KernelContext c;
  c.inputs_ = {&x, &y};
  c.outputs_ = {Tensor::scalar(0.0f), Tensor::scalar(3.0f)};
  c.where_ = &where;
  const Attrs first(SteepnessAttrs{.beta = 2}), second(OffsetAttrs{});
  c.nodes_ = {{.attrs = &first, .operands = {0}, .results = {kPassedOn, 1}, .where = "[Swish 'a' at train.cc:1]"},
              {.attrs = &second, .operands = {1, kPassedOn}, .results = {0}, .where = "[Add 'b' at train.cc:2]"}};
  EXPECT_EQ(c.num_nodes(), 2);
  EXPECT_EQ(c.attrs<SteepnessAttrs>().beta, 2);
  (void)c.attrs<OffsetAttrs>(1);
  EXPECT_EQ(c.operand(1, 0).at(0), 2);
  EXPECT_TRUE(c.is_passed_on(1, 1));
  EXPECT_FALSE(c.is_passed_on(0, 0));
  EXPECT_EQ(c.result(0, 1).at(0), 3);
  expect_error(Code::kInvalidArgument, "both the kernel asks for input -1", [&] { (void)c.operand(1, 1); });
  expect_error(Code::kInvalidArgument, "operand 2; there are 2", [&] { (void)c.operand(1, 2); });
  expect_error(Code::kInvalidArgument, "node 2; there are 2", [&] { (void)c.operand(2, 0); });
  expect_error(Code::kOutOfRange, "[Add 'b' at train.cc:2] too far", [&] { c.fail(1, Code::kOutOfRange, "too far"); });
  EXPECT_EQ(c.located("[Swish 'a' at train.cc:1] bad"), "[Swish 'a' at train.cc:1] bad");
  EXPECT_EQ(c.located("bad"), "both bad");
}

TEST(KernelContext, RefusesOperandsAndResultsThatAreNotThere) {
  const Tensor x = Tensor::scalar(1.0f);
  const std::string where = "[Swish 'y' at train.cc:31]";
  KernelContext c;
  c.inputs_ = {&x};
  c.outputs_ = {Tensor::scalar(0.0f)};
  c.where_ = &where;
  EXPECT_EQ(c.input(0).at(0), 1);
  expect_error(Code::kInvalidArgument, where + " the kernel asks for input 1; there is 1", [&] { (void)c.input(1); });
  expect_error(Code::kInvalidArgument, "input -1", [&] { (void)c.input(-1); });
  expect_error(Code::kInvalidArgument, "output 2; there is 1", [&] { (void)c.output(2); });
  expect_error(Code::kInvalidArgument, "input 1", [&] { (void)c.mutable_input(1); });
}

TEST(Attrs, AWrongTypeIsNamedAsTheProgramSpellsIt) {
  const Attrs attrs(SteepnessAttrs{});
  EXPECT_EQ(attrs.type_name(), "gradus::SteepnessAttrs");
  expect_error(Code::kInternal,
               "the node's attributes are not of type gradus::OffsetAttrs, which was asked for, but "
               "gradus::SteepnessAttrs: beta=1.5",
               [&] { (void)attrs.get<OffsetAttrs>(); });
  EXPECT_TRUE(attrs.same_type(SteepnessAttrs{.beta = 9}));
  EXPECT_FALSE(attrs.same_type(OffsetAttrs{}));
  EXPECT_TRUE(Attrs().same_type(NoAttrs{}));
}

TEST(Caller, IsNamedWithTheFileAndNotItsFolders) {
  EXPECT_EQ((Caller{"Relu", "act", {"/home/me/src/train.cc", 31}}).text(), "[Relu 'act' at train.cc:31]");
  EXPECT_EQ((Caller{"Relu", "", {"train.cc", 31}}).text(), "[Relu 'Relu' at train.cc:31]");
  EXPECT_EQ(file_and_line({"a/b/c.cc", 7}), "c.cc:7");
}

TEST(Shape, ThatCannotBeNamesTheLineThatSpelledIt) {
  const auto wrong = [] { (void)Shape({3, -2}); };
  const std::string line = std::to_string(__LINE__ - 1);
  expect_error(Code::kInvalidArgument, "[Shape at registry_mistakes_test.cc:" + line + "]", wrong);
  expect_error(Code::kInvalidArgument, "at least 0, or -1 for unknown; got -2; the shape is [3,-2]", wrong);
  expect_error(Code::kInvalidArgument, "a scalar has no axes; got axis 0", [] { normalize_axis(0, 0); });
}

TEST(DType, NumbersThatNameNoneAreRefused) {
  const auto none = static_cast<DType>(99);
  EXPECT_STREQ(dtype_name(none), "(no dtype)");
  expect_error(Code::kInvalidArgument, "no dtype number 99", [&] { (void)dtype_size(none); });
  expect_error(Code::kInvalidArgument, "no dtype number 99", [&] { (void)Tensor(none, {2}); });
}

}  // namespace
}  // namespace gradus
