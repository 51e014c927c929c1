#include "tests/gpu_check/planted.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <sstream>

namespace gradus::gpu_check {
namespace {

bool is_planted(const std::string& check, const std::string& mistake) {
  const char* const all = std::getenv("GRADUS_GPU_CHECK_PLANT");
  std::istringstream words(all == nullptr ? "" : all);
  for (std::string word; words >> word;) {
    if (word == check + "=" + mistake) return true;
  }
  return false;
}

}  // namespace

void plant(const std::string& check) {
  if (is_planted(check, "crash")) {
    static_cast<void>(std::signal(SIGSEGV, SIG_DFL));  // the emulator has a handler
    static_cast<void>(std::raise(SIGSEGV));
  }
  while (is_planted(check, "hang")) ::pause();
}

void tamper(const std::string& check, std::vector<Tensor>& results) {
  if (!is_planted(check, "wrong")) return;
  for (Tensor& result : results) {
    if (result.num_elements() == 0) continue;
    result = result.clone();
    const double was = result.at(0);
    result.set(0, result.dtype() == DType::kBool ? 1 - was : was + 1);
    return;
  }
}

}  // namespace gradus::gpu_check
