// The instruction sets by name: for the user's FASTCNN_ISA, for fastcnn.info and for tests.
#pragma once

#include <string>
#include <vector>

#include "core/dispatch.h"

namespace fastcnn::dispatch {

// Built into this library, and what of that this processor runs; lowest first.
std::vector<std::string> built();
std::vector<std::string> available();
const char* name(Isa isa);

// For tests: switches between operations. Throws ArgumentError for a name that available() does not have.
void set_isa(const std::string& name);

}  // namespace fastcnn::dispatch
