// The progress bar on a file and on a pseudo-terminal.
#include "gradus/nn/progress_bar.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "tests/io/io_test_support.h"

namespace gradus {
namespace {

// What the bar prints to a plain file.
template <class F>
std::string printed(F&& use) {
  std::FILE* file = std::tmpfile();
  use(file);
  std::rewind(file);
  std::string text;
  for (int c; (c = std::fgetc(file)) != EOF;) text.push_back(static_cast<char>(c));
  std::fclose(file);
  return text;
}

// What it prints to a terminal of this many columns.
template <class F>
std::string drawn(int columns, F&& use) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) return {};
  std::FILE* slave = std::fopen(::ptsname(master), "r+");
  struct winsize window {};
  window.ws_col = static_cast<unsigned short>(columns);
  window.ws_row = 24;
  ::ioctl(master, TIOCSWINSZ, &window);
  std::string text;
  std::thread reader([&] {
    char chunk[1024];
    for (ssize_t n; (n = ::read(master, chunk, sizeof chunk)) > 0;) text.append(chunk, static_cast<std::size_t>(n));
  });
  use(slave);
  std::fclose(slave);  // the reader sees the end
  reader.join();
  ::close(master);
  return text;
}

// What stands on the line after each redraw, and the width that the terminal saw.
std::vector<std::string> frames(const std::string& text) {
  std::vector<std::string> result;
  std::size_t at = 0;
  while ((at = text.find('\r', at)) != std::string::npos) {
    const std::size_t end = text.find("\x1b[K", at);
    if (end != std::string::npos) result.push_back(text.substr(at + 1, end - at - 1));
    ++at;
  }
  std::erase_if(result, [](const std::string& frame) { return frame.find('\n') != std::string::npos; });
  return result;
}

TEST(ProgressBarTest, AFileGetsOnePlainLastLine) {
  const std::string text = printed([](std::FILE* file) {
    ProgressBar bar("epoch 1", 3, {.stream = file});
    for (int i = 1; i <= 3; ++i) bar.step({{"loss", 0.5 / i}, {"acc", 1.0F}}, 128);
  });
  EXPECT_EQ(text.substr(0, 31), "epoch 1 3/3  loss 0.1667  acc 1") << text;
  EXPECT_NE(text.find(" images/s  0:0"), std::string::npos) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(ProgressBarTest, AFileGetsALineEverySoOften) {
  const std::string text = printed([](std::FILE* file) {
    ProgressBar bar("t", 100, {.stream = file, .plain_seconds = 0.02});
    for (int i = 0; i < 10; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      bar.step();
    }
  });
  const auto lines = std::count(text.begin(), text.end(), '\n');
  EXPECT_GE(lines, 2) << text;
  EXPECT_LE(lines, 10) << text;
  EXPECT_NE(text.find("ETA"), std::string::npos) << text;
  EXPECT_NE(text.find("steps/s"), std::string::npos) << text;
}

TEST(ProgressBarTest, ALoopLeftEarlyStillEndsItsLine) {
  const std::string text = printed([](std::FILE* file) {
    ProgressBar bar("t", 10, {.stream = file});
    bar.step({{"loss", 1.0}});
  });
  EXPECT_EQ(text.substr(0, 14), "t 1/10  loss 1");
  EXPECT_EQ(text.back(), '\n');
  EXPECT_EQ(printed([](std::FILE* file) { const ProgressBar bar("unused", 10, {.stream = file}); }), "");
}

TEST(ProgressBarTest, QuietPrintsNothingAndExtraStepsDoNoHarm) {
  EXPECT_EQ(printed([](std::FILE* file) {
              ProgressBar bar("t", 1, {.stream = file, .quiet = true});
              bar.step();
              bar.finish();
            }),
            "");
  const std::string text = printed([](std::FILE* file) {
    ProgressBar bar("t", 2, {.stream = file});
    for (int i = 0; i < 5; ++i) bar.step();
  });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
}

TEST(ProgressBarTest, AnUnknownTotalShowsCounts) {
  const std::string text = printed([](std::FILE* file) {
    ProgressBar bar("reading", 0, {.stream = file});
    bar.step();
    bar.step();
    bar.finish();
  });
  EXPECT_EQ(text.substr(0, 9), "reading 2");
}

TEST(ProgressBarTest, AResumedPassShowsItsTruePlace) {
  const std::string text = printed([](std::FILE* file) {
    ProgressBar bar("t", 10, {.stream = file});
    bar.start_at(8);
    bar.step();
  });
  EXPECT_EQ(text.substr(0, 6), "t 9/10");
}

TEST(ProgressBarTest, ATerminalLineIsRedrawnAndNeverTooWide) {
  for (int columns : {20, 40, 80, 200}) {
    const std::string text = drawn(columns, [](std::FILE* file) {
      ProgressBar bar("\xc3\xa9poque\n1", 50, {.stream = file, .redraw_seconds = 0});
      for (int i = 0; i < 50; ++i) bar.step({{"loss", 1234.5678 / (i + 1)}}, 64);
    });
    const std::vector<std::string> all = frames(text);
    ASSERT_GE(all.size(), 50U) << columns << ": " << text;
    for (const std::string& frame : all) {
      const auto width = std::count_if(frame.begin(), frame.end(), [](char c) { return (c & 0xc0) != 0x80; });
      EXPECT_LT(width, columns) << frame;
      EXPECT_EQ(frame.substr(0, 9), "\xc3\xa9poque 1") << frame;
    }
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << "only the last drawing ends the line";
    if (columns >= 80) {
      EXPECT_NE(all.front().find("[>"), std::string::npos) << all.front();
      EXPECT_NE(all.back().find("==]"), std::string::npos) << all.back();
      EXPECT_NE(all.back().find("50/50"), std::string::npos) << all.back();
    }
  }
}

}  // namespace
}  // namespace gradus
