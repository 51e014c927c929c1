// What cuDNN says of the device, and whether it chooses the same engines for the description that stands in for it where there is no GPU.
#include <fmt/format.h>

#include <map>

#include "gradus/backends/cuda/cudnn/device.h"
#include "gradus/io/file.h"
#include "tests/cuda/described_device.h"
#include "tests/cuda/h200_properties.h"
#include "tests/gpu_check/checks.h"
#include "tests/gpu_check/convolutions.h"
#include "tests/gpu_check/machine.h"

namespace gradus::gpu_check {
namespace {

constexpr std::int64_t kDescriptionBatch = 128;  // of the models' images: what training has; nothing is computed here

void write_text(const std::string& path, const std::string& text) {
  io::AtomicFile file(path);
  file.write(text + "\n");
  file.commit();
}

// Key by key, where the two descriptions differ; values of the hand-written one come second.
nlohmann::json differences(const std::string& own, const std::string& written) {
  const nlohmann::json a = nlohmann::json::parse(own), b = nlohmann::json::parse(written);
  nlohmann::json result = nlohmann::json::object();
  for (const auto& [key, value] : a.items()) {
    if (!b.contains(key)) {
      result[key] = {value, nullptr};
    } else if (b.at(key) != value) {
      result[key] = {value, b.at(key)};
    }
  }
  for (const auto& [key, value] : b.items()) {
    if (!a.contains(key)) result[key] = {nullptr, value};
  }
  return result;
}

}  // namespace

void check_descriptions(const ConvolutionOptions& options, Report& report) {
  fresh_machine();
  const cudnn::Descriptor own = cudnn::device_properties(0);
  const std::string own_json = json_of_properties(own);
  if (!options.properties_file.empty()) write_text(options.properties_file, own_json);
  nlohmann::json& details = report.details();
  details["device"] = nlohmann::json::parse(own_json);
  details["other_than_written_by_hand"] = differences(own_json, testing::kH200Properties);
  details["other_engines"] = nlohmann::json::array();
  report.save();

  // What was written to the file must do in the place of the device: as the tests will use it.
  const cudnn::Descriptor again = testing::described_device(own_json.c_str());
  const cudnn::Descriptor by_hand = testing::described_device(testing::kH200Properties);
  std::int64_t others = 0;
  std::map<std::string, int> engines;
  const std::vector<NamedConvolution> convolutions = chosen_convolutions(kDescriptionBatch, options);
  for (const NamedConvolution& c : convolutions) {
    const cudnn::Plan plan = plan_of(c, own);
    std::string wrong;
    if (plan.descriptor == nullptr) {
      wrong = plan.description;
    } else if (const std::string other = plan_of(c, again).description; other != plan.description) {
      wrong = fmt::format("{}, but by the device's description in JSON {}", plan.description, other);
    }
    if (const std::string other = plan_of(c, by_hand).description; other != plan.description) {
      ++others;
      details["other_engines"].push_back({c.name, plan.description, other});
    }
    ++engines[plan.description];
    report.add(c.name, wrong);
  }
  details["engines"] = engines;
  report.set_summary(fmt::format("{} convolutions; {} have another engine than for the description written by hand",
                                 convolutions.size(), others));
}

}  // namespace gradus::gpu_check
