// Mistyped ops on the command line: the suggestions know the names of builder functions too.
#include "tests/tools/run_tool.h"

namespace gradus {
namespace {

class Suggestions : public ToolTest {};

TEST_F(Suggestions, KnowBuilderFunctionsAndPartsOfNames) {
  expect_refused({"op", "div"}, "NotFound", "no op 'div' is registered; did you mean divide, ");
  expect_refused({"op", "div"}, "NotFound", "RealDiv");
  expect_refused({"op", "mult"}, "NotFound", "multiply");
  expect_refused({"op", "reduce_summ"}, "NotFound", "did you mean reduce_sum");
  expect_refused({"op", "pool"}, "NotFound", "AvgPool");
  expect_refused({"op", "zzzzzz"}, "NotFound", "no op 'zzzzzz' is registered");
}

}  // namespace
}  // namespace gradus
