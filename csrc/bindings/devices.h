// Devices by name.
#pragma once

#include <cstdlib>
#include <string>

#include "core/errors.h"
#include "core/types.h"

namespace fastcnn::bindings {

// "cpu", "cuda" (the first GPU), "cuda:1". Throws ArgumentError for another name.
inline Device device_of(const char* operation, const std::string& name) {
  if (name == "cpu") return {};
  if (name == "cuda") return Device::cuda(0);
  const std::string number = name.rfind("cuda:", 0) == 0 ? name.substr(5) : "";
  if (number.empty() || number.size() > 3 || number.find_first_not_of("0123456789") != std::string::npos)
    reject(operation, "device must be 'cpu', 'cuda' or 'cuda:0' (or another number), but is '", name, "'");
  return Device::cuda(std::atoi(number.c_str()));
}

}  // namespace fastcnn::bindings
