// A progress bar for training loops, on stderr:
//
//   epoch 1 [=========>          ] 43/94  loss 0.2131  acc 0.94  10432 images/s  ETA 0:05
//
// On a terminal one line is redrawn in place, never wider than the window. Anywhere else (a file, a pipe, a CI log) a
// plain line is printed every few seconds, and the last one. One thread at a time.
#pragma once

#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace gradus {

struct ProgressBarOptions {
  std::FILE* stream = nullptr;  // null: stderr; not owned
  double redraw_seconds = 0.1;  // at least this long between two drawings on a terminal
  double plain_seconds = 5.0;   // and between two plain lines elsewhere
  bool quiet = false;           // print nothing
};

class ProgressBar {
 public:
  using Value = std::pair<std::string_view, double>;

  // total_steps 0: unknown; then only counts and rates are shown. `title` is shown as one line.
  ProgressBar(std::string_view title, std::int64_t total_steps, const ProgressBarOptions& options = {});
  ~ProgressBar();  // finishes the line, also when the loop was left early
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // One step is done. `values` are shown as they are; `images`, when given, is how many this step processed, for
  // images/s.
  void step(std::initializer_list<Value> values = {}, std::int64_t images = 0);
  // Counts steps that an earlier run did, so that a resumed pass shows its true place. They do not count for the rates.
  void start_at(std::int64_t steps);
  // Draws the last state and ends the line; later calls do nothing. Called by the last step as well.
  void finish();

 private:
  void draw(bool last);
  std::string text(int columns, double seconds) const;

  std::string title_;
  std::int64_t total_;
  ProgressBarOptions options_;
  bool terminal_ = false;
  bool drawn_ = false;
  bool finished_ = false;
  std::int64_t done_ = 0;
  std::int64_t skipped_ = 0;
  std::int64_t images_ = 0;
  std::string values_;
  double start_;  // seconds of the steady clock
  double last_draw_;
};

}  // namespace gradus
