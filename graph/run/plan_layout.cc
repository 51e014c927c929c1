// Where in a plan's arenas everything lies that has no memory yet: the steps' results, and the scratch memory that their kernels have
// asked for, which is in use for one step. One arena per device, by lifetime: largest first, lowest free offset.
#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <tuple>

#include "gradus/graph/run/plan.h"
#include "gradus/graph/run/plan_lifetimes.h"

namespace gradus {
namespace {

constexpr std::size_t kAlignment = 64;
std::size_t rounded(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

class ArenaLayout {
 public:
  ArenaLayout(Plan& plan, const Lifetimes& lifetimes) : plan_(plan), lifetimes_(lifetimes) {}

  void run(std::size_t max_large) {
    std::vector<int> roots;
    for (const int s : plan_.order) {
      const PlanStep& step = plan_.step(s);
      for (const int id : step.outputs) {
        const PlanValue& v = plan_.value(id);
        if (v.alias_of < 0 && v.storage == Storage::kArena && v.bytes > 0) roots.push_back(id);
      }
      if (step.scratch >= 0) roots.push_back(step.scratch);
    }
    std::stable_sort(roots.begin(), roots.end(),
                     [&](int a, int b) { return plan_.value(a).bytes > plan_.value(b).bytes; });
    const auto small = roots.begin() + static_cast<std::ptrdiff_t>(std::min(roots.size(), max_large));
    lay_out_large({roots.begin(), small});
    lay_out_small({small, roots.end()});
  }

 private:
  struct Life {
    int first, last;
  };

  // At the lowest offset that is free for as long as the value lives. Compares every pair, so it is for the few values that fill the
  // arena.
  void lay_out_large(const std::vector<int>& ids) {
    const bool one_stream = lifetimes_.num_streams() == 1;
    std::vector<Life> lives;  // of the ids so far
    lives.reserve(ids.size());
    std::vector<std::pair<std::size_t, std::size_t>> taken;
    for (const int id : ids) {
      PlanValue& v = plan_.value(id);
      const Life life{lifetimes_.first(id), lifetimes_.last(id)};
      taken.clear();
      for (std::size_t k = 0; k < lives.size(); ++k) {
        // Lives that overlap in the plan's order do so in every other, and those of one stream in no other.
        const bool overlap = lives[k].first <= life.last && life.first <= lives[k].last;
        if (!overlap && (one_stream || lifetimes_.apart(ids[k], id))) continue;
        const PlanValue& o = plan_.value(ids[k]);
        if (o.device == v.device) taken.emplace_back(o.offset, o.offset + rounded(o.bytes));
      }
      lives.push_back(life);
      std::sort(taken.begin(), taken.end());
      v.offset = 0;
      const std::size_t size = rounded(v.bytes);
      for (const auto& [begin, end] : taken) {
        if (v.offset + size <= begin) break;
        v.offset = std::max(v.offset, end);
      }
      std::size_t& arena = plan_.arena_bytes[v.device];
      arena = std::max(arena, v.offset + size);
    }
  }

  struct Piece {
    std::size_t offset;
    int value;  // that lay there last
  };
  using Pieces = std::map<std::pair<Device*, std::size_t>, std::vector<Piece>>;  // by device and size

  // The many small ones lie behind the large ones, each in the smallest piece that is free when it is made.
  void lay_out_small(std::vector<int> ids) {
    std::stable_sort(ids.begin(), ids.end(), [&](int a, int b) { return lifetimes_.first(a) < lifetimes_.first(b); });
    using Ending = std::tuple<int, Device*, std::size_t, std::size_t, int>;  // last use; device, size, offset, value
    std::priority_queue<Ending, std::vector<Ending>, std::greater<>> alive;
    Pieces ended;
    for (const int id : ids) {
      PlanValue& v = plan_.value(id);
      const int first = lifetimes_.first(id);
      while (!alive.empty() && std::get<0>(alive.top()) < first) {
        const auto& [last, device, size, offset, value] = alive.top();
        ended[{device, size}].push_back({offset, value});
        alive.pop();
      }
      std::size_t size = rounded(v.bytes);
      if (const auto piece = take(ended, v.device, size, first)) {
        std::tie(v.offset, size) = *piece;
      } else {
        std::size_t& arena = plan_.arena_bytes[v.device];
        v.offset = arena;
        arena += size;
      }
      alive.emplace(lifetimes_.last(id), v.device, size, v.offset, id);
    }
  }

  // Offset and size of the smallest piece of at least `size` bytes that the step at position `first` may write, which is no longer among
  // `ended` then. What ended earlier in the plan's order may still be read at the same time, by another stream. The value that lay there
  // last is enough to know: it was made when the one before had ended.
  std::optional<std::pair<std::size_t, std::size_t>> take(Pieces& ended, Device* device, std::size_t size, int first) {
    for (auto it = ended.lower_bound({device, size}); it != ended.end() && it->first.first == device; ++it) {
      std::vector<Piece>& pieces = it->second;
      const auto piece = std::find_if(pieces.rbegin(), pieces.rend(),
                                      [&](const Piece& p) { return lifetimes_.ends_before(p.value, first); });
      if (piece == pieces.rend()) continue;
      const std::pair<std::size_t, std::size_t> taken(piece->offset, it->first.second);
      pieces.erase(std::next(piece).base());
      if (pieces.empty()) ended.erase(it);
      return taken;
    }
    return std::nullopt;
  }

  Plan& plan_;
  const Lifetimes& lifetimes_;
};

}  // namespace

void lay_out_memory(Plan& plan, const SessionOptions& options, std::size_t max_large) {
  const StepOrder order(plan);
  Lifetimes lifetimes(plan, order);
  for (const int s : plan.order) {
    if (options.optimize) break;  // otherwise nothing but scratch memory is used twice
    for (const int id : plan.step(s).outputs) lifetimes.use_forever(plan.root(id));
  }
  ArenaLayout(plan, lifetimes).run(max_large);
}

}  // namespace gradus
