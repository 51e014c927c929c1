// What is asked of a run, before a plan is made for it.
#include <fmt/format.h>

#include "gradus/graph/run/plan.h"

namespace gradus {
namespace {

class SignatureCheck {
 public:
  explicit SignatureCheck(const CompileRequest& request) : r_(request) {
    for (std::size_t i = 0; i < r_.feeds.size(); ++i) check("feed", i, r_.feeds.size(), r_.feeds[i].first);
    for (std::size_t i = 0; i < r_.fetches.size(); ++i) check("fetch", i, r_.fetches.size(), r_.fetches[i]);
    for (std::size_t i = 0; i < r_.targets.size(); ++i) {
      if (!r_.targets[i].valid()) fail_nothing("target", i, r_.targets.size(), r_.targets[i].absence());
      check_owner(r_.targets[i].node());
    }
  }

 private:
  // "fetch 2 of 3 refers to nothing: ..."
  [[noreturn]] static void fail_nothing(const char* what, std::size_t i, std::size_t count, const std::string& why) {
    throw invalid_argument(fmt::format("{} {} of {} refers to nothing: {}", what, i + 1, count, why));
  }
  void check(const char* what, std::size_t i, std::size_t count, const Output& output) const {
    if (!output.valid()) fail_nothing(what, i, count, output.absence());
    check_owner(output.node());
    (void)output.dtype();  // throws when the node has no such output
  }
  void check_owner(const Node& node) const {
    if (&node.graph() != &r_.graph)
      throw invalid_argument(node.where() + " belongs to another graph than this session's");
  }
  const CompileRequest& r_;
};

}  // namespace

void check_signature(const CompileRequest& request) { SignatureCheck{request}; }

}  // namespace gradus
