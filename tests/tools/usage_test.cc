// What `gradus` says to mistyped words and values, and when its output gets lost.
#include <csignal>

#include "tests/tools/run_tool.h"

namespace gradus {
namespace {

class Usage : public ToolTest {
 protected:
  // The options of a convolution whose files do not exist: what is wrong with the words is found first.
  static std::vector<std::string> conv(std::vector<std::string> more) {
    std::vector<std::string> words = {"op", "conv2d", "--input", "x.npy", "--filter", "w.npy", "--out", "y.npy"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
};

TEST_F(Usage, AMistypedOptionNamesTheOneThatIsMeantAndNoOther) {
  expect_refused(conv({"--stride", "1,2,2,1"}), "InvalidArgument",
                 "Conv2D has no option --stride; did you mean --strides?\n");
  expect_refused(conv({"--dilation", "1,2,2,1"}), "InvalidArgument", "--dilation; did you mean --dilations?\n");
  expect_refused(conv({"--data_format", "NHWC"}), "InvalidArgument", "--data_format; did you mean --data-format?\n");
  expect_refused(conv({"--Strides=1,1,1,1"}), "InvalidArgument", "--Strides; did you mean --strides?\n");
  expect_refused(conv({"--paddign", "SAME"}), "InvalidArgument", "--paddign; did you mean --padding?\n");
  expect_refused({"op", "random_normal", "--shape", "3", "--run_seed", "1"}, "InvalidArgument",
                 "--run_seed; did you mean --run-seed?\n");
  expect_refused({"check", "matmul", "--ordr", "1"}, "InvalidArgument",
                 "gradus check has no option --ordr; did you mean --order?\n");
  expect_refused({"ops", "--jsn"}, "InvalidArgument", "gradus ops has no option --jsn; did you mean --json?\n");
  expect_refused({"--verson"}, "InvalidArgument", "gradus has no option --verson; did you mean --version?\n");
}

TEST_F(Usage, AnOptionThatIsLikeNoneListsAll) {
  expect_refused({"op", "transpose", "--quux", "1,0"}, "InvalidArgument",
                 "Transpose has no option --quux; its options are --");
  expect_refused({"devices", "--json"}, "InvalidArgument",
                 "gradus devices has no option --json; its options are --help");
}

TEST_F(Usage, AMistypedValueNamesTheOneThatIsMeant) {
  expect_refused(conv({"--padding", "same"}), "InvalidArgument",
                 "--padding takes one of SAME, VALID, EXPLICIT; got 'same'; did you mean SAME?\n");
  expect_refused(conv({"--data-format", "nchw"}), "InvalidArgument", "got 'nchw'; did you mean NCHW?\n");
  expect_refused({"op", "cast", "--x", "x.npy", "--dtype", "float"}, "InvalidArgument",
                 "got 'float'; did you mean float16, float32, float64?\n");
  expect_refused({"op", "cast", "--x", "x.npy", "--dtype", "Int64"}, "InvalidArgument", "did you mean int64?\n");
}

TEST_F(Usage, AMissingOrRepeatedValue) {
  expect_refused({"op", "conv2d", "--padding"}, "InvalidArgument", "--padding needs a value: SAME|VALID|EXPLICIT\n");
  expect_refused(conv({"--strides="}), "InvalidArgument", "--strides needs a value: integers\n");
  expect_refused({"op", "relu", "--out"}, "InvalidArgument", "--out needs a value: FILE.npy\n");
  expect_refused({"check", "--order"}, "InvalidArgument", "--order needs a value: N\n");
  expect_refused({"check", "relu", "--order", "1", "--order", "2"}, "InvalidArgument", "--order is given 2 times\n");
  expect_refused({"check", "relu", "--json", ""}, "InvalidArgument", "cannot write '': the name is empty");
  expect_refused({"check", "relu", "--device", ""}, "InvalidArgument", "'' is not a device");
  expect_refused({"op", "constant", "--out", "y.npy"}, "InvalidArgument", "--value is missing");
}

TEST_F(Usage, AWordTooMany) {
  expect_refused({"ops", "sum", "conv2d"}, "InvalidArgument", "'conv2d' is one word too many; see `gradus ops --help`");
  expect_refused({"devices", "cpu"}, "InvalidArgument", "'cpu' is one word too many");
  expect_refused({"ops", ""}, "NotFound", "no op ''");
  expect_refused({""}, "InvalidArgument", "no subcommand ''; the subcommands are op, ops, check, devices");
}

// Status 2 and one line, whatever is printed: /dev/full takes nothing, like a full disk; a closed output; a reader that is gone.
TEST_F(Usage, LostOutputIsAnError) {
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  ASSERT_EQ(::dup2(pipe[1], 9), 9);  // the shell knows descriptors of one digit
  for (const int end : pipe) ::close(end);
  const auto before =
      std::signal(SIGPIPE, SIG_IGN);  // inherited; otherwise the signal ends the program, without a word
  const std::vector<std::vector<std::string>> all = {{"ops"},
                                                     {"ops", "conv2d", "--json"},
                                                     {"check", "relu", "--order", "1", "--verbose"},
                                                     {"devices"},
                                                     {"op", "relu", "--help"},
                                                     {"op", "identity", "--x", "5", "--out", "y.npy"},
                                                     {"--version"},
                                                     {"--help"}};
  const std::pair<const char*, const char*> outputs[] = {
      {">/dev/full", "No space left on device"}, {">&-", "Bad file descriptor"}, {">&9", "Broken pipe"}};
  for (const auto& words : all) {
    for (const auto& [output, reason] : outputs) {
      const ToolResult result = run(words, output);
      EXPECT_EQ(result.status, 2) << words[0] << " " << output;
      EXPECT_EQ(result.err.rfind("gradus: ResourceExhausted: cannot write to standard output", 0), 0u)
          << words[0] << " " << output << "\n"
          << result.err;
      // (Where the first of many writes failed, the reason is no longer known at the end.)
      EXPECT_TRUE(result.err.find(reason) != std::string::npos || words[0] == "ops" || words[0] == "check")
          << result.err;
      EXPECT_EQ(result.err.find('\n'), result.err.size() - 1) << result.err;
    }
  }
  std::signal(SIGPIPE, before);
  ::close(9);
}

}  // namespace
}  // namespace gradus
