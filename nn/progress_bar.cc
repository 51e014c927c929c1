#include "gradus/nn/progress_bar.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

namespace gradus {
namespace {

constexpr int kPlainColumns = 1000;  // no window limits a plain line

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string clock_text(double seconds) {
  const auto s = static_cast<std::int64_t>(std::clamp(seconds, 0.0, 3.6e8) + 0.5);
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

std::string rate_text(double rate) { return rate < 10 ? fmt::format("{:.2f}", rate) : fmt::format("{:.0f}", rate); }

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }  // of UTF-8

int width(std::string_view text) { return static_cast<int>(std::count_if(text.begin(), text.end(), starts_character)); }

// At most `columns` characters, never half of one.
std::string clipped(const std::string& text, int columns) {
  int seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (starts_character(text[i]) && seen++ == columns) return text.substr(0, i);
  }
  return text;
}

// Control characters would break out of the line.
std::string one_line(std::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return line;
}

}  // namespace

ProgressBar::ProgressBar(std::string_view title, std::int64_t total_steps, const ProgressBarOptions& options)
    : title_(one_line(title)),
      total_(std::max<std::int64_t>(total_steps, 0)),
      options_(options),
      start_(now_seconds()),
      last_draw_(start_) {
  if (options_.stream == nullptr) options_.stream = stderr;
  terminal_ = !options_.quiet && ::isatty(::fileno(options_.stream)) == 1;
}

ProgressBar::~ProgressBar() {
  if (done_ > 0) finish();
}

void ProgressBar::start_at(std::int64_t steps) {
  done_ = skipped_ = std::max<std::int64_t>(steps, 0);
  start_ = now_seconds();
}

void ProgressBar::step(std::initializer_list<Value> values, std::int64_t images) {
  if (finished_) return;
  ++done_;
  images_ += images;
  const double now = now_seconds();
  const bool last = total_ > 0 && done_ >= total_;
  const double since = now - last_draw_;
  const bool due = since >= (terminal_ ? options_.redraw_seconds : options_.plain_seconds) || (terminal_ && !drawn_);
  values_.clear();
  for (const Value& value : values) values_ += fmt::format("  {} {:.4g}", one_line(value.first), value.second);
  if (last) {
    finish();
  } else if (due && !options_.quiet) {
    last_draw_ = now;
    draw(false);
  }
}

void ProgressBar::finish() {
  if (finished_) return;
  finished_ = true;
  if (!options_.quiet) draw(true);
}

std::string ProgressBar::text(int columns, double seconds) const {
  const std::int64_t steps = done_ - skipped_;
  std::string tail = total_ > 0 ? fmt::format(" {}/{}", done_, total_) : fmt::format(" {}", done_);
  tail += values_;
  if (seconds > 0 && steps > 0) {
    const double rate = static_cast<double>(images_ > 0 ? images_ : steps) / seconds;
    tail += fmt::format("  {} {}/s", rate_text(rate), images_ > 0 ? "images" : "steps");
  }
  if (finished_ || total_ == 0) {
    tail += "  " + clock_text(seconds);
  } else if (steps > 0) {
    tail += "  ETA " + clock_text(seconds / static_cast<double>(steps) * static_cast<double>(total_ - done_));
  }
  std::string bar;
  const int cells = std::min(columns - width(title_) - width(tail) - 3, 30);  // 3: the space and the brackets
  if (terminal_ && total_ > 0 && cells >= 5) {
    const double share = static_cast<double>(std::min(done_, total_)) / static_cast<double>(total_);
    const auto full = static_cast<std::size_t>(share * cells);
    bar.append(full, '=');
    if (bar.size() < static_cast<std::size_t>(cells)) bar += '>';
    bar.append(static_cast<std::size_t>(cells) - bar.size(), ' ');
    bar = fmt::format(" [{}]", bar);
  }
  return clipped(title_ + bar + tail, columns);
}

void ProgressBar::draw(bool last) {
  drawn_ = true;
  const double seconds = now_seconds() - start_;
  int columns = kPlainColumns;
  if (terminal_) {
    struct winsize window {};
    const bool known = ::ioctl(::fileno(options_.stream), TIOCGWINSZ, &window) == 0 && window.ws_col > 0;
    columns = (known ? window.ws_col : 80) - 1;  // writing the last column makes some terminals wrap
  }
  std::string line = text(columns, seconds);
  if (terminal_) line = "\r" + line + "\x1b[K";  // erases what a longer line left behind
  if (last || !terminal_) line += '\n';
  std::fwrite(line.data(), 1, line.size(), options_.stream);  // in one piece, so that it mixes with nothing
  std::fflush(options_.stream);
}

}  // namespace gradus
