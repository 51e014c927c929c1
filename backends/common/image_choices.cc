#include "gradus/backends/common/image_choices.h"

#include <fmt/format.h>

namespace gradus::common {

std::string choice_text(std::int64_t row, std::int64_t column, std::int64_t value, const Shape& images) {
  static constexpr const char* kNames[kChoiceColumns] = {"image", "top", "left", "mirrored"};
  const ImageSetSize size{images[0], images[1], images[2], images[3]};
  const int c = static_cast<int>(column);
  return fmt::format("choices[{},{}] ({}) is {}, outside [{}, {}): images {} NHWC", row, c, kNames[c], value,
                     size.low(c), size.high(c), images.to_string());
}

void check_choices(const KernelContext& c) {
  const ImageSetSize size = image_set_size(c.input(0));
  const std::int32_t* choices = c.input(1).data<std::int32_t>();
  for (std::int64_t i = 0; i < c.input(1).num_elements(); ++i) {
    const auto column = static_cast<int>(i % kChoiceColumns);
    if (!size.allows(column, choices[i])) {
      c.fail(Code::kOutOfRange, choice_text(i / kChoiceColumns, column, choices[i], c.input(0).shape()));
    }
  }
}

}  // namespace gradus::common
