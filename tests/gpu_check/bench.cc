#include <fmt/format.h>

#include "gradus/io/file.h"
#include "tests/gpu_check/checks.h"
#include "tests/gpu_check/machine.h"

namespace gradus::gpu_check {

void check_bench(const gradus_bench::GpuBenchOptions& options, const std::string& lines_file, Report& report) {
  fresh_machine();
  nlohmann::json& rows = report.details()["measured"] = nlohmann::json::array();
  std::string lines, first;
  const auto measured = [&](const gradus_bench::Measured& m) {
    lines += m.to_json() + "\n";
    rows.push_back(nlohmann::json::parse(m.to_json()));
    if (!lines_file.empty()) {
      io::AtomicFile file(lines_file);
      file.write(lines);
      file.commit();
    }
    std::string wrong;
    if (m.plain_convolutions > 0) wrong = fmt::format("{} convolutions are not by cuDNN", m.plain_convolutions);
    if (!m.recorded) wrong += (wrong.empty() ? "" : "; ") + std::string("no step was recorded as a CUDA graph");
    const std::string name = fmt::format("{} {} {} {}", m.model, m.batch, m.precision, m.what);
    if (first.empty()) first = fmt::format("{}: {:.4f} ms", name, m.ms);
    report.add(name, wrong);
    fresh_machine();
  };
  gradus_bench::bench_gpu(options, measured, [&](const std::string& name, const std::string& text) {
    report.add(name, text + " " + first_failure());
    fresh_machine();
  });
  report.set_summary(fmt::format("{} measurements; {}", rows.size(), first));
}

}  // namespace gradus::gpu_check
