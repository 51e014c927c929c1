#include "tests/gpu_check/report.h"

#include <cstdio>
#include <utility>

#include "gradus/io/file.h"

namespace gradus::gpu_check {
namespace {

constexpr std::size_t kMostFailures = 100;  // that are listed
constexpr double kSecondsBetweenSaves = 1;

}  // namespace

Report::Report(std::string name, std::string file) : name_(std::move(name)), file_(std::move(file)) { save(); }

double Report::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

void Report::add(const std::string& what, const std::string& wrong) {
  ++checked_;
  if (!wrong.empty()) {
    ++failed_;
    if (failures_.size() < kMostFailures) failures_.push_back(what + ": " + wrong);
  }
  if (seconds() - last_save_ > kSecondsBetweenSaves) save();
}

void Report::save() {
  last_save_ = seconds();
  if (file_.empty()) return;
  io::AtomicFile file(file_);
  file.write(nlohmann::json{{"name", name_},
                            {"verdict", verdict_},
                            {"seconds", last_save_},
                            {"checked", checked_},
                            {"failed", failed_},
                            {"failures", failures_},
                            {"summary", summary_},
                            {"details", details_}}
                 .dump(1, ' ', false, nlohmann::json::error_handler_t::replace) +
             "\n");
  file.commit();
}

int Report::finish() {
  if (checked_ == 0) {
    ++failed_;
    failures_.emplace_back("nothing was looked at");
  }
  verdict_ = failed_ == 0 ? "passed" : "failed";
  save();
  std::printf("%s: %s; %lld looked at, %lld wrong; %s\n", name_.c_str(), verdict_.c_str(),
              static_cast<long long>(checked_), static_cast<long long>(failed_), summary_.c_str());
  for (const std::string& failure : failures_) std::printf("  %s\n", failure.c_str());
  return failed_ == 0 ? 0 : 1;
}

}  // namespace gradus::gpu_check
