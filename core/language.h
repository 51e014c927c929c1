// Refuses an older C++ by name. The headers without other headers of Gradus include it, so that this is the first error of all.
#pragma once

#if __cplusplus < 202002L
#error "Gradus needs C++20: compile with -std=c++20 (pkg-config --cflags gradus gives it, as does CMake)"
#endif
