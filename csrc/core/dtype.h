// The types of an array's elements.
#pragma once

#include <cstdint>

namespace fastcnn {

enum class DType { uint8, uint16, int32, int64, float32, float64 };

constexpr int64_t size_of(DType dtype) {
  switch (dtype) {
    case DType::uint8: return 1;
    case DType::uint16: return 2;
    case DType::int32:
    case DType::float32: return 4;
    case DType::int64:
    case DType::float64: return 8;
  }
  return 0;
}

// numpy's name for it.
constexpr const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::uint8: return "uint8";
    case DType::uint16: return "uint16";
    case DType::int32: return "int32";
    case DType::int64: return "int64";
    case DType::float32: return "float32";
    case DType::float64: return "float64";
  }
  return "";
}

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::uint8;
};
template <>
struct DTypeOf<uint16_t> {
  static constexpr DType value = DType::uint16;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::int32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::int64;
};
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::float32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::float64;
};

}  // namespace fastcnn
