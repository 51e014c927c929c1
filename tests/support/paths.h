// Where the sources and the built programs of this build lie.
#pragma once

namespace gradus {

extern const char* const kSourceFolder;
extern const char* const kProgramFolder;

}  // namespace gradus
