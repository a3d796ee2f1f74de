// Shapes, element types, devices and views: plain data that every floor passes around.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>

namespace fastcnn {

// Where memory lies and kernels run: the CPU, or one of the GPUs, by its number.
class Device {
 public:
  constexpr Device() = default;  // the CPU
  static constexpr Device cuda(int index) { return Device(index); }

  constexpr bool is_cpu() const { return index_ < 0; }
  constexpr int index() const { return index_; }  // of the GPU
  std::string str() const { return is_cpu() ? "cpu" : "cuda:" + std::to_string(index_); }

  constexpr bool operator==(Device other) const { return index_ == other.index_; }
  constexpr bool operator!=(Device other) const { return index_ != other.index_; }

 private:
  explicit constexpr Device(int index) : index_(index) {}
  int index_ = -1;
};

// The extents of an array, outermost first. At most eight axes.
class Shape {
 public:
  static constexpr int max_rank = 8;

  Shape() = default;
  Shape(std::initializer_list<int64_t> extents) {
    for (int64_t extent : extents) append(extent);
  }

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return extents_[axis]; }
  int64_t& operator[](int axis) { return extents_[axis]; }
  void append(int64_t extent) {
    if (rank_ == max_rank) throw std::length_error("fastcnn: an array has more than 8 axes");
    extents_[rank_++] = extent;
  }

  // The product of the extents; 1 for a scalar.
  int64_t elements() const {
    int64_t product = 1;
    for (int axis = 0; axis < rank_; ++axis) product *= extents_[axis];
    return product;
  }

  // As Python writes a tuple: (32, 32, 3), (10,), ().
  std::string str() const {
    std::string text = "(";
    for (int axis = 0; axis < rank_; ++axis) text += (axis ? ", " : "") + std::to_string(extents_[axis]);
    return text + (rank_ == 1 ? ",)" : ")");
  }

  bool operator==(const Shape& other) const {
    if (rank_ != other.rank_) return false;
    for (int axis = 0; axis < rank_; ++axis)
      if (extents_[axis] != other.extents_[axis]) return false;
    return true;
  }
  bool operator!=(const Shape& other) const { return !(*this == other); }

 private:
  std::array<int64_t, max_rank> extents_{};
  int rank_ = 0;
};

}  // namespace fastcnn
