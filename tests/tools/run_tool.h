// Runs the built `gradus` program as a user would, in a folder of its own.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/support/paths.h"

namespace gradus {

struct ToolResult {
  int status = -1;
  std::string out, err;
};

class ToolTest : public testing::Test {
 protected:
  ToolTest() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              (std::string("gradus tool ") + info->name() + " " + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  ~ToolTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  // Relative paths in `words` are below the test's folder, which is the program's working directory. `output` is where the
  // shell sends standard output.
  ToolResult run(const std::vector<std::string>& words, const std::string& output = ">stdout.txt") const {
    std::string command = "cd " + quoted(folder_.string()) + " && " + quoted(kProgramFolder + std::string("/gradus"));
    for (const std::string& word : words) command += " " + quoted(word);
    command += " 2>stderr.txt " + output;
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128, content(path("stdout.txt")), content(path("stderr.txt"))};
  }

  static std::string content(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }

  // Exit status 2, nothing on stdout, and one line on stderr: "gradus: <code>: ...<part>...".
  void expect_refused(const std::vector<std::string>& words, const std::string& code, const std::string& part) const {
    const ToolResult result = run(words);
    std::string line;
    for (const std::string& word : words) line += word + " ";
    EXPECT_EQ(result.status, 2) << line;
    EXPECT_EQ(result.out, "") << line;
    EXPECT_EQ(result.err.rfind("gradus: " + code + ": ", 0), 0u) << line << "\n" << result.err;
    EXPECT_EQ(result.err.find('\n'), result.err.size() - 1) << line << "\n" << result.err;
    EXPECT_NE(result.err.find(part), std::string::npos) << line << "\nlacks '" << part << "':\n" << result.err;
  }

 private:
  static std::string quoted(const std::string& word) {
    std::string result = "'";
    for (char c : word) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return result + "'";
  }
  std::filesystem::path folder_;
};

}  // namespace gradus
