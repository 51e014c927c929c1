// The checks of a GPU, on the emulator: they pass there, find what is planted, and leave what they found when they crash or hang; and
// scripts/gpu_check joins all of that.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

#include "tests/support/paths.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class GpuCheck : public testing::Test {
 protected:
  GpuCheck() {
    folder_ = fs::temp_directory_path() /
              ("gpu check " + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) +
               std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  ~GpuCheck() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  std::string text(const std::string& name) const {
    std::ifstream in(folder_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  json read(const std::string& name) const { return json::parse(text(name), nullptr, false); }

  // In the test's folder, with output in `out` and `err` there. `environment`: words NAME=VALUE for the shell.
  int shell(const std::string& command) const {
    const int status = std::system(("cd '" + folder_.string() + "' && { " + command + "; } >out 2>err").c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  static std::string program() { return "'" + std::string(kProgramFolder) + "/gpu_check_emulated'"; }
  // A check with its report in report.json.
  int check(const std::string& arguments, const std::string& environment = "") const {
    return shell(environment + " " + program() + " " + arguments + " --json report.json");
  }
  int script(const std::string& arguments, const std::string& environment = "") const {
    return shell("GRADUS_GPU_CHECK_PROGRAM=" + program() + " " + environment + " '" + std::string(kSourceFolder) +
                 "/scripts/gpu_check' " + arguments);
  }
  json passed(const std::string& arguments) const {
    EXPECT_EQ(check(arguments), 0) << text("out") << text("err");
    const json report = read("report.json");
    EXPECT_EQ(report.value("verdict", ""), "passed") << report.dump(1);
    EXPECT_GT(report.value("checked", 0), 0);
    EXPECT_EQ(report.value("failed", -1), 0);
    return report.value("details", json::object());
  }
  // That something is found where results are changed.
  void expect_found(const std::string& name, const std::string& arguments, const std::string& what) const {
    EXPECT_EQ(check(name + " " + arguments, "GRADUS_GPU_CHECK_PLANT=" + name + "=wrong"), 1) << text("out");
    const json report = read("report.json");
    EXPECT_EQ(report.value("verdict", ""), "failed");
    EXPECT_GT(report.value("failed", 0), 0);
    EXPECT_NE(report.at("failures").at(0).get<std::string>().find(what), std::string::npos) << report.dump(1);
  }
  static json step(const json& all, const std::string& name) {
    for (const json& s : all.at("steps")) {
      if (s.at("name") == name) return s;
    }
    return {{"verdict", "there is no such step"}, {"text", ""}};
  }

  fs::path folder_;
};

TEST_F(GpuCheck, FactsNameVersionsAndDevices) {
  const json details = passed("facts");
  EXPECT_EQ(details.at("machine"), "the emulator");
  EXPECT_GE(details.at("runtime"), 12000);
  EXPECT_NE(details.at("cudnn").at("version"), "");
  EXPECT_EQ(details.at("devices").size(), 1U);
  const std::string capability = details.at("devices").at(0).at("compute_capability");
  EXPECT_TRUE(std::regex_match(capability, std::regex("[0-9]+\\.[0-9]"))) << capability;
}

TEST_F(GpuCheck, DescriptionsAreKeptAndEnginesCompared) {
  const json details = passed("descriptions --every 199 --properties device.json");
  EXPECT_EQ(read("device.json").at("multiProcessorCount"), 132);
  EXPECT_EQ(details.at("device"), read("device.json"));
  // The emulated device is the one that is described by hand.
  EXPECT_TRUE(details.at("other_than_written_by_hand").empty());
  EXPECT_TRUE(details.at("other_engines").empty());
  EXPECT_FALSE(details.at("engines").empty());
}

TEST_F(GpuCheck, CasesAgreeWithTheReference) {
  passed("cases --ops 5 --per-op 1");
  passed("cases --only Conv2D --per-op 1 --one-dtype");
  expect_found("cases", "--ops 5 --per-op 1", "optimised");
}

TEST_F(GpuCheck, PlansAgreeWithTheInterpreter) {
  const json details = passed("plans --every 199");
  EXPECT_EQ(details.at("largest_differences").size(), 5U) << "of the four dtypes and TF32";
  expect_found("plans", "--every 997", "off by ");
  EXPECT_EQ(check("plans --only nothing"), 1);
  EXPECT_NE(text("out").find("nothing was looked at"), std::string::npos);
}

TEST_F(GpuCheck, TrainingFollowsTheCpu) {
  const json details = passed("training --steps 4 --batch 1");
  EXPECT_EQ(details.at("losses").at("gpu").size(), 4U);
  expect_found("training", "--steps 1 --batch 1", "loss of step 0");
}

TEST_F(GpuCheck, AccuracyIsComparedWithTheCpus) {
  passed("accuracy --images 12 --batch 6 --least 0");
  EXPECT_EQ(check("accuracy --images 12 --batch 6 --least 1.5"), 1);
}

TEST_F(GpuCheck, TimesAreLinesOfJson) {
  passed("bench --batches 1 --steps 1 --blocks 1 --warmup 3 --lines lines --only 'lenet5 1 float32'");
  std::ifstream lines(folder_ / "lines");
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const json m = json::parse(line);
    EXPECT_EQ(m.at("framework"), "gradus");
    EXPECT_EQ(m.at("mode"), "recorded");
    EXPECT_EQ(m.at("model"), "lenet5");
    EXPECT_GT(m.at("ms"), 0);
    EXPECT_GT(m.at("images_per_s"), 0);
  }
  EXPECT_EQ(count, 2) << "train and infer";
}

TEST_F(GpuCheck, ACrashLeavesWhatWasKnown) {
  EXPECT_GT(check("cases --ops 1", "GRADUS_GPU_CHECK_PLANT=cases=crash"), 128);
  EXPECT_EQ(read("report.json").at("verdict"), "unfinished");
}

TEST_F(GpuCheck, WrongUseIsOneLine) {
  for (const char* arguments :
       {"", "nothing", "cases --ops x", "facts --json /no/such/folder/file", "bench --steps 0"}) {
    EXPECT_EQ(shell(program() + " " + arguments), 2) << arguments;
    EXPECT_EQ(text("out"), "") << arguments;
    EXPECT_EQ(text("err").rfind("gpu_check: ", 0), 0U) << text("err");
    EXPECT_EQ(text("err").find('\n'), text("err").size() - 1) << text("err");
  }
}

// The script.

TEST_F(GpuCheck, TheScriptRunsTheStepsAndJoinsTheirReports) {
  EXPECT_EQ(script("run --out 'my results' --only facts,cases,plans,bench", "GRADUS_GPU_CHECK_SMALL=60"), 0)
      << text("out") << text("err");
  const json all = read("my results/gpu_check.json");
  EXPECT_EQ(all.at("verdict"), "passed");
  ASSERT_EQ(all.at("steps").size(), 4U);
  EXPECT_EQ(all.at("steps").at(0).at("name"), "facts") << "the order in which they ran";
  for (const json& s : all.at("steps")) {
    EXPECT_EQ(s.at("verdict"), "passed") << s.dump(1);
    EXPECT_EQ(s.at("report").at("verdict"), "passed");
  }
  const std::string table = text("my results/gpu_check.md");
  EXPECT_EQ(table.rfind("gpu_check: passed\n", 0), 0U) << table;
  EXPECT_NE(table.find("\n| plans | passed | "), std::string::npos) << table;
  EXPECT_NE(text("out").find("gpu_check: passed"), std::string::npos) << text("out");
  EXPECT_NE(text("my results/bench.jsonl"), "");
}

TEST_F(GpuCheck, TheScriptGoesOnAfterACrashAndAHang) {
  EXPECT_EQ(script("run --out r --only facts,descriptions,cases,plans",
                   "GRADUS_GPU_CHECK_SMALL=4 GRADUS_GPU_CHECK_PLANT='facts=crash descriptions=hang cases=wrong'"),
            1);
  const json all = read("r/gpu_check.json");
  EXPECT_EQ(all.at("verdict"), "failed");
  const auto expect_step = [&](const char* name, const char* verdict, const std::string& part) {
    const json s = step(all, name);
    EXPECT_EQ(s.at("verdict"), verdict) << name;
    EXPECT_NE(s.at("text").get<std::string>().find(part), std::string::npos) << s.dump(1);
  };
  expect_step("facts", "failed", "ended by signal 11");
  expect_step("descriptions", "failed", "ran past its limit of 4 s");
  expect_step("cases", "failed", " wrong, first ");
  expect_step("plans", "passed", " plans; ");
}

TEST_F(GpuCheck, TheScriptTellsWhatWasSkippedAndWhatASanitizerFound) {
  const std::string path = "PATH=\"$PWD/tools:$PATH\"", small = "GRADUS_GPU_CHECK_SMALL=60 ";
  ASSERT_EQ(shell("mkdir tools; printf '#!/bin/sh\\nexit 2\\n' >tools/python3; chmod +x tools/*"), 0);
  EXPECT_EQ(script("run --out r --only facts,peers", small + path), 3) << text("out") << text("err");
  EXPECT_EQ(step(read("r/gpu_check.json"), "peers").at("verdict"), "skipped");
  EXPECT_EQ(read("r/gpu_check.json").at("verdict"), "passed but for what was skipped");

  // One that finds nothing, and one whose racecheck finds something.
  const std::string tool =
      "while [ $1 != \"$last\" ]; do [ $1 != racecheck ] || found=$RACES; [ $1 != 20 ] || break; shift; done; shift; "
      "\"$@\" || exit; exit ${found:-0}";
  std::ofstream(folder_ / "tools/compute-sanitizer") << "#!/bin/bash\n" << tool << "\n";
  fs::permissions(folder_ / "tools/compute-sanitizer", fs::perms::owner_all);
  EXPECT_EQ(script("run --out r --only sanitizer", small + path + " RACES=0"), 0) << text("r/steps/01_sanitizer.log");
  EXPECT_EQ(script("run --out r --only sanitizer", small + path + " RACES=9"), 1);
  EXPECT_NE(text("r/gpu_check.md").find("| sanitizer | failed |"), std::string::npos) << text("r/gpu_check.md");
}

// A program as it is while a step takes long. Whoever stops the script stops the step as well, and what was found is kept.
TEST_F(GpuCheck, TheScriptStopsWithItsStep) {
  std::ofstream(folder_ / "slow")
      << "#!/bin/bash\ncase $1 in probe) ;; summary) echo '# stopped' >\"$2/gpu_check.md\" ;;\n"
      << "*) echo $$ >pid; exec sleep 100 ;; esac\n";
  fs::permissions(folder_ / "slow", fs::perms::owner_all);
  const std::string run = "GRADUS_GPU_CHECK_PROGRAM=\"$PWD/slow\" timeout --preserve-status -s TERM 3 '" +
                          std::string(kSourceFolder) + "/scripts/gpu_check' run --out r";
  EXPECT_EQ(shell(run), 143) << text("err");
  EXPECT_NE(text("err").find("stopped; "), std::string::npos) << text("err");
  EXPECT_EQ(text("r/gpu_check.md"), "# stopped\n");
  EXPECT_NE(shell("kill -0 $(cat pid)"), 0) << "the step goes on";
}

TEST_F(GpuCheck, TheScriptSaysInOneLineWhatIsMissing) {
  // A program as it answers on a machine without a driver.
  ASSERT_EQ(
      shell(
          "printf '#!/bin/sh\\necho gpu_check: this machine has no NVIDIA driver >&2; exit 2\\n' >none; chmod +x none"),
      0);
  const std::string run = "'" + std::string(kSourceFolder) + "/scripts/gpu_check' run";
  EXPECT_EQ(shell("GRADUS_GPU_CHECK_PROGRAM=\"$PWD/none\" " + run), 2);
  EXPECT_EQ(text("err"), "gpu_check: this machine has no NVIDIA driver\n");
  EXPECT_EQ(text("out"), "");
  EXPECT_EQ(shell(run + " --nonsense"), 2);
  EXPECT_NE(text("err").find("no option '--nonsense'"), std::string::npos);
  EXPECT_EQ(shell(run + " --out ''"), 2);
  EXPECT_NE(text("err").find("--out needs a value"), std::string::npos);
  EXPECT_EQ(shell(run + " --only 'facts cases'"), 2);
  EXPECT_EQ(shell("touch file; GRADUS_GPU_CHECK_PROGRAM=/bin/true " + run + " --out file"), 2);
  EXPECT_NE(text("err").find("no results can be written to 'file'"), std::string::npos) << text("err");
  EXPECT_EQ(shell("'" + std::string(kSourceFolder) + "/scripts/gpu_check' build --help"), 2);
  EXPECT_EQ(shell(run + " --only facts,nothing"), 2);
  EXPECT_NE(text("err").find("no step 'nothing'; the steps: facts descriptions "), std::string::npos);
  EXPECT_EQ(shell("cp '" + std::string(kSourceFolder) + "/scripts/gpu_check' alone && ./alone run"), 2);
  EXPECT_NE(text("err").find("bin/gpu_check is not beside this script"), std::string::npos) << text("err");
  EXPECT_EQ(shell("./alone build"), 2);
  EXPECT_NE(text("err").find("build belongs in a source tree"), std::string::npos) << text("err");
}

}  // namespace
}  // namespace gradus
