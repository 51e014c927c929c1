// What the library tells about its own work, on stderr: nothing below a warning unless the environment variable GRADUS_LOG asks for
// more (debug, info, warning, error, off). Errors are exceptions and never logged. Safe from any thread.
#pragma once

#include <string>

namespace gradus {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

// Whether `level` is shown: texts that cost something to make are made only then.
bool logs(LogLevel level);
void log(LogLevel level, const std::string& text);

}  // namespace gradus
