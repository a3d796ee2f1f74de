// Scratch memory of one user (a plan, or a thread that calls operations): one aligned block that only grows, so that a step
// which has run once allocates nothing. Its contents do not outlive the operation that asked for it.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace fastcnn {

constexpr size_t cache_line = 64;

// Owns a block of memory that begins at a cache line.
class AlignedBlock {
 public:
  AlignedBlock() = default;
  explicit AlignedBlock(size_t bytes) : bytes_((bytes + cache_line - 1) / cache_line * cache_line) {
    if (bytes_ > 0 && (data_ = std::aligned_alloc(cache_line, bytes_)) == nullptr) throw std::bad_alloc();
  }
  AlignedBlock(AlignedBlock&& other) noexcept { swap(other); }
  AlignedBlock& operator=(AlignedBlock&& other) noexcept {
    swap(other);
    return *this;
  }
  ~AlignedBlock() { std::free(data_); }

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  void swap(AlignedBlock& other) noexcept {
    void* const data = data_;
    const size_t bytes = bytes_;
    data_ = other.data_;
    bytes_ = other.bytes_;
    other.data_ = data;
    other.bytes_ = bytes;
  }
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

class Scratch {
 public:
  void* get(size_t bytes) {
    if (bytes > block_.bytes()) block_ = AlignedBlock(bytes);
    return block_.data();
  }

 private:
  AlignedBlock block_;
};

}  // namespace fastcnn
