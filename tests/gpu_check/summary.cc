// The steps of scripts/gpu_check, of which each left in the folder, with NN_NAME before:
//   .run   what the script saw: "LIMIT STATUS SECONDS" (exit status of `timeout`), or "skipped REASON"
//   .json  what the step itself reported (report.h), where it came that far
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "gradus/core/error.h"
#include "gradus/io/file.h"
#include "tests/gpu_check/checks.h"

namespace gradus::gpu_check {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// What the step reported, or an object without anything.
nlohmann::json report_of(const fs::path& path) {
  nlohmann::json report = nlohmann::json::parse(content(path), nullptr, false);
  return report.is_object() ? report : nlohmann::json::object();
}

// Why it failed, from its exit status alone: "" where the step had its say.
std::string ending(int status, int limit, const std::string& verdict) {
  if (limit == 0) return "no time was left";
  if (status == 124 || status == 137) return fmt::format("ran past its limit of {} s", limit);
  if (status > 128) return fmt::format("ended by signal {}", status - 128);
  if (status > 1) return fmt::format("could not be carried out (exit status {})", status);
  if (verdict == "unfinished" || verdict.empty()) return fmt::format("left no result (exit status {})", status);
  if (status == 1 && verdict == "passed") return "something was found beside what it looked at; its .log has it";
  return "";
}

nlohmann::json step_of(const fs::path& run) {
  fs::path json = run;
  json.replace_extension(".json");
  nlohmann::json report = report_of(json);
  nlohmann::json step = {{"name", run.stem().string().substr(3)}, {"verdict", "failed"}, {"seconds", 0.0}};
  std::istringstream words(content(run));
  std::string first;
  words >> first;
  if (first == "skipped") {
    std::string reason;
    std::getline(words >> std::ws, reason);
    step["verdict"] = "skipped";
    step["text"] = reason;
    return step;
  }
  int status = 2;
  double seconds = 0;
  words >> status >> seconds;
  const std::string verdict = report.value("verdict", "");
  std::string text = report.value("summary", "");
  const std::string wrong = ending(status, std::atoi(first.c_str()), verdict);
  if (!wrong.empty()) {
    text = wrong + (report.contains("checked") ? fmt::format("; {} looked at before", report.value("checked", 0)) : "");
  } else if (verdict == "failed") {
    const nlohmann::json failures = report.value("failures", nlohmann::json::array());
    text = fmt::format("{} of {} wrong{}", report.value("failed", 0), report.value("checked", 0),
                       failures.empty() ? "" : ", first " + failures[0].get<std::string>());
  }
  step["verdict"] = wrong.empty() && status == 0 && verdict == "passed" ? "passed" : "failed";
  step["seconds"] = seconds;
  step["text"] = text;
  step["report"] = std::move(report);
  return step;
}

// One cell of a table.
std::string cell(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, 1, '\\');
  return text.size() > 400 ? text.substr(0, 400) + " ..." : text;
}

void write(const fs::path& path, const std::string& text) {
  io::AtomicFile file(path.string());
  file.write(text);
  file.commit();
}

}  // namespace

int summarise(const std::string& folder) {
  std::vector<fs::path> runs;
  for (const fs::directory_entry& entry : fs::directory_iterator(fs::path(folder) / "steps")) {
    if (entry.path().extension() == ".run") runs.push_back(entry.path());
  }
  std::sort(runs.begin(), runs.end());
  nlohmann::json steps = nlohmann::json::array();
  std::string table = "| step | verdict | seconds | |\n| --- | --- | --- | --- |\n";
  bool failed = runs.empty(), skipped = false;
  for (const fs::path& run : runs) {
    const nlohmann::json step = step_of(run);
    const auto verdict = step.at("verdict").get<std::string>();
    failed = failed || verdict == "failed";
    skipped = skipped || verdict == "skipped";
    table += fmt::format("| {} | {} | {:.1f} | {} |\n", step.at("name").get<std::string>(), verdict,
                         step.at("seconds").get<double>(), cell(step.at("text").get<std::string>()));
    steps.push_back(step);
  }
  const char* const verdict = failed ? "failed" : skipped ? "passed but for what was skipped" : "passed";
  write(fs::path(folder) / "gpu_check.json", nlohmann::json{{"verdict", verdict}, {"steps", steps}}.dump(
                                                 1, ' ', false, nlohmann::json::error_handler_t::replace) +
                                                 "\n");
  write(fs::path(folder) / "gpu_check.md", fmt::format("gpu_check: {}\n\n{}", verdict, table));
  return failed ? 1 : skipped ? 3 : 0;
}

}  // namespace gradus::gpu_check
