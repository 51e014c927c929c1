// What a check has found, in a file of JSON that is there as soon as anything is known: when a check crashes or runs out of time, what it
// had found until then stands in the file, with the verdict "unfinished".
//
//   {"name": "cases", "verdict": "passed", "seconds": 41.2, "checked": 5012, "summary": "...", "failures": [], "details": {...}}
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace gradus::gpu_check {

class Report {
 public:
  // Writes to `file` (nowhere where it is empty), and at once.
  Report(std::string name, std::string file);

  // One thing was looked at; `wrong` is what is wrong with it, "" where nothing is.
  void add(const std::string& what, const std::string& wrong);
  std::int64_t checked() const { return checked_; }

  // More than pass or fail: numbers, lists. In the file with the next save().
  nlohmann::json& details() { return details_; }
  // One line for the table.
  void set_summary(std::string summary) { summary_ = std::move(summary); }

  // Replaces the file; add() does so by itself when the last time is a while ago.
  void save();
  // Passed where something was looked at and nothing was wrong. Writes, prints one line, and returns the exit status: 0 or 1.
  int finish();

 private:
  double seconds() const;

  const std::string name_, file_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  double last_save_ = 0;
  std::string verdict_ = "unfinished", summary_;
  std::int64_t checked_ = 0, failed_ = 0;
  std::vector<std::string> failures_;  // the first of them
  nlohmann::json details_ = nlohmann::json::object();
};

}  // namespace gradus::gpu_check
