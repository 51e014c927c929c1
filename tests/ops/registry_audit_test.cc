// Walks the registries and fails for an op that somebody forgot to finish.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "cases/all_cases.h"
#include "cases/case_runner.h"
#include "gradus/autodiff/gradient_registry.h"
#include "gradus/core/kernel.h"
#include "tests/support/paths.h"

namespace gradus::cases {
namespace {

// Only what the library itself brings; tests may have registered ops of their own.
std::vector<const OpDef*> library_ops() {
  std::vector<const OpDef*> ops;
  for (const auto& def : op_registry().all()) {
    if (!def->name.starts_with("Test")) ops.push_back(def.get());
  }
  return ops;
}

// Fed, constant or kept by the session: no kernel computes them. No-ops compute nothing.
bool computes(const OpDef& def) { return def.kind == OpKind::kCompute || def.kind == OpKind::kView; }

std::vector<const OpCase*> cases_of(const OpDef& def) {
  std::vector<const OpCase*> cases;
  for (const OpCase& c : all_op_cases()) {
    if (c.op == def.name) cases.push_back(&c);
  }
  return cases;
}

bool has_real_operand(const OpCase& c) {
  return std::any_of(c.operands.begin(), c.operands.end(),
                     [](const Operand& o) { return o.kind != Operand::Kind::kFixed; });
}

TEST(RegistryAudit, EveryOpHasASummaryAndAShapeFunction) {
  for (const OpDef* def : library_ops()) {
    EXPECT_FALSE(def->summary.empty()) << def->name;
    EXPECT_NE(def->shape, nullptr) << def->name;
  }
}

TEST(RegistryAudit, EveryOpHasAGradientOrAnExplicitNone) {
  for (const OpDef* def : library_ops()) {
    EXPECT_TRUE(gradient_registry().find(def->name) != nullptr || gradient_registry().none_reason(def->name) != nullptr)
        << def->name << " has neither a gradient rule nor add_none(\"" << def->name << "\", reason)";
  }
}

TEST(RegistryAudit, EveryOpHasCases) {
  for (const OpDef* def : library_ops()) {
    if (!computes(*def)) continue;
    EXPECT_FALSE(cases_of(*def).empty()) << def->name << " has no case in cases";
  }
}

TEST(RegistryAudit, EveryCaseBelongsToAnOpAndHasItsOwnName) {
  std::set<std::string> seen;
  for (const OpCase& c : all_op_cases()) {
    EXPECT_NE(op_registry().find(c.op), nullptr) << c.op;
    EXPECT_FALSE(c.name.empty()) << c.op;
    EXPECT_TRUE(seen.insert(c.op + " " + c.name).second) << c.op << " has two cases '" << c.name << "'";
  }
}

TEST(RegistryAudit, EveryOpOfRealNumbersHasACaseInEveryFloatingDType) {
  for (const OpDef* def : library_ops()) {
    const std::vector<const OpCase*> all = cases_of(*def);
    if (!computes(*def) || std::none_of(all.begin(), all.end(), [](const OpCase* c) { return has_real_operand(*c); }))
      continue;
    for (const DType dtype : kCaseDTypes) {
      EXPECT_TRUE(std::any_of(all.begin(), all.end(),
                              [&](const OpCase* c) {
                                return has_real_operand(*c) &&
                                       std::find(c->dtypes.begin(), c->dtypes.end(), dtype) != c->dtypes.end();
                              }))
          << def->name << " has no case in " << dtype_name(dtype);
    }
  }
}

// A case with real operands runs in float32 and float64 at least, and has a kernel for each on both backends.
TEST(RegistryAudit, EveryCaseHasKernelsOnBothBackends) {
  for (const OpCase& c : all_op_cases()) {
    const OpDef& def = op_registry().get(c.op);
    if (has_real_operand(c)) {
      for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
        EXPECT_NE(std::find(c.dtypes.begin(), c.dtypes.end(), dtype), c.dtypes.end())
            << c.op << " " << c.name << " does not run in " << dtype_name(dtype);
      }
    }
    for_each_dtype(c, 1, [&](DType, const std::vector<Tensor>& values) {
      try {
        const CaseGraph built(c, values);
        const DType selects = def.kernel_dtype == kDTypeOfOutput
                                  ? built.outputs.at(0).dtype()
                                  : built.operands.at(static_cast<std::size_t>(def.kernel_dtype)).dtype();
        for (const char* device : {"ref", "cpu"}) {
          EXPECT_NE(kernel_registry().find(c.op, device, selects), nullptr)
              << c.op << " " << c.name << " has no " << device << " kernel for " << dtype_name(selects)
              << "; there are " << kernel_registry().describe(c.op);
        }
      } catch (const Error& error) {
        ADD_FAILURE() << c.op << " " << c.name << ": " << error.full_text();
      }
    });
  }
}

TEST(RegistryAudit, EveryGradientIsCheckedToTheSecondOrderOrSaysWhyNot) {
  for (const OpDef* def : library_ops()) {
    if (!computes(*def) || gradient_registry().find(def->name) == nullptr) continue;
    bool checked = false;
    for (const OpCase* c : cases_of(*def)) {
      EXPECT_TRUE(c->max_order >= 2 || !c->max_order_reason.empty()) << def->name << " " << c->name;
      checked = checked || order_of(*c) >= 2 || !c->max_order_reason.empty();
    }
    EXPECT_TRUE(checked) << def->name << " has a gradient, but no case checks it to order 2";
  }
}

TEST(RegistryAudit, EveryOpHasASectionInTheDocs) {
  std::set<std::string> headings;
  const std::filesystem::path folder = std::filesystem::path(kSourceFolder) / "docs" / "ops";
  ASSERT_TRUE(std::filesystem::is_directory(folder)) << folder;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream page(entry.path());
    for (std::string line; std::getline(page, line);) {
      if (line.starts_with("## ")) headings.insert(line.substr(3));
    }
  }
  for (const OpDef* def : library_ops()) {
    EXPECT_TRUE(headings.contains(def->name)) << "no heading '## " << def->name << "' under docs/ops";
  }
}

}  // namespace
}  // namespace gradus::cases
