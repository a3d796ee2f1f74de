// The exceptions of the core. The bindings turn them into Python's; nothing below prints or exits.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace fastcnn {

// A value or a shape that an operation cannot take: ValueError.
class ArgumentError : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

// A device that is not there, or does not work: fastcnn.DeviceError.
class DeviceError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A device's memory is full: MemoryError with what was asked and what is free.
class OutOfMemory : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The user interrupted (Ctrl-C) while a parallel loop ran; its results are incomplete: KeyboardInterrupt.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

// Throws ArgumentError with "operation: " and the rest of the arguments as one sentence.
template <class... Parts>
[[noreturn]] void reject(const char* operation, const Parts&... parts) {
  std::ostringstream text;
  text << operation << ": ";
  (text << ... << parts);
  throw ArgumentError(text.str());
}

}  // namespace fastcnn
