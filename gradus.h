// The one header users include: #include <gradus/gradus.h>
#pragma once

#include "gradus/version.h"
