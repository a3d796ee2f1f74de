// The device functions that the kernels may use, by CUDA's names and with CUDA's meanings.
#pragma once

#include <math.h>

#include <cstdint>
#include <cstring>

#include "machine.h"

inline void __syncthreads() { simt::barrier(); }

// ---- the warp

namespace simt {

constexpr unsigned full_mask = 0xFFFFFFFF;

// The caller's lane, and its segment of `width` lanes.
struct Segment {
  explicit Segment(int width) : lane(static_cast<int>(machine.current->lane)), first(lane & ~(width - 1)), end(first + width) {
    if (width < 1 || width > 32 || (width & (width - 1)) != 0)
      fault("wrong width", "shuffles with a width of %d, not a power of 2 up to 32", width);
  }
  int lane, first, end;
};

// The value of lane `source`, or the caller's own where the segment has no such lane.
template <class T>
T shuffled(unsigned mask, T value, const Segment& segment, int source, bool exists) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t), "a shuffle moves one word");
  std::uint64_t word = 0;
  std::memcpy(&word, &value, sizeof value);
  word = exchange(WarpOperation::shuffle, mask, word, static_cast<unsigned>(exists ? source : segment.lane));
  std::memcpy(&value, &word, sizeof value);
  return value;
}

// As the instruction shfl.sync (PTX ISA): it takes the distance modulo 32, and its butterfly reads earlier segments, never later ones.
template <class T>
T shuffle(unsigned mask, T value, int source, int width) {
  const Segment segment(width);
  return shuffled(mask, value, segment, segment.first + (source & (width - 1)), true);
}

template <class T>
T shuffle_up(unsigned mask, T value, unsigned delta, int width) {
  const Segment segment(width);
  const int source = segment.lane - static_cast<int>(delta % warp_size);
  return shuffled(mask, value, segment, source, source >= segment.first);
}

template <class T>
T shuffle_down(unsigned mask, T value, unsigned delta, int width) {
  const Segment segment(width);
  const int source = segment.lane + static_cast<int>(delta % warp_size);
  return shuffled(mask, value, segment, source, source < segment.end);
}

template <class T>
T shuffle_xor(unsigned mask, T value, int lanes, int width) {
  const Segment segment(width);
  const int source = segment.lane ^ (lanes & static_cast<int>(warp_size - 1));
  return shuffled(mask, value, segment, source, source < segment.end);
}

inline unsigned vote(unsigned mask, int predicate) {
  return static_cast<unsigned>(exchange(WarpOperation::vote, mask, predicate != 0, machine.current->lane));
}

}  // namespace simt

// Overloads, not templates: a word of a SharedArray must convert.
#define SIMT_SHUFFLES(T)                                                                                                                  \
  inline T __shfl_sync(unsigned mask, T value, int source, int width = 32) { return simt::shuffle(mask, value, source, width); }          \
  inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) { return simt::shuffle_up(mask, value, delta, width); } \
  inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {                                                     \
    return simt::shuffle_down(mask, value, delta, width);                                                                                 \
  }                                                                                                                                       \
  inline T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32) { return simt::shuffle_xor(mask, value, lanes, width); }
SIMT_SHUFFLES(int)
SIMT_SHUFFLES(unsigned)
SIMT_SHUFFLES(long)
SIMT_SHUFFLES(unsigned long)
SIMT_SHUFFLES(long long)
SIMT_SHUFFLES(unsigned long long)
SIMT_SHUFFLES(float)
SIMT_SHUFFLES(double)
#undef SIMT_SHUFFLES

inline void __syncwarp(unsigned mask = simt::full_mask) { simt::exchange(simt::WarpOperation::sync, mask, 0, simt::machine.current->lane); }
inline unsigned __ballot_sync(unsigned mask, int predicate) { return simt::vote(mask, predicate); }
inline int __any_sync(unsigned mask, int predicate) { return simt::vote(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return simt::vote(mask, predicate) == mask; }

// ---- atomics, on global memory: threads run one at a time

#define SIMT_ATOMICS(T)                                                                                       \
  inline T atomicAdd(T* address, T value) {                                                                   \
    const T old = *address;                                                                                   \
    *address = static_cast<T>(static_cast<unsigned long long>(old) + static_cast<unsigned long long>(value)); \
    return old;                                                                                               \
  }                                                                                                           \
  inline T atomicMin(T* address, T value) {                                                                   \
    const T old = *address;                                                                                   \
    if (value < old) *address = value;                                                                        \
    return old;                                                                                               \
  }                                                                                                           \
  inline T atomicMax(T* address, T value) {                                                                   \
    const T old = *address;                                                                                   \
    if (value > old) *address = value;                                                                        \
    return old;                                                                                               \
  }                                                                                                           \
  inline T atomicCAS(T* address, T compare, T value) {                                                        \
    const T old = *address;                                                                                   \
    if (old == compare) *address = value;                                                                     \
    return old;                                                                                               \
  }
SIMT_ATOMICS(int)
SIMT_ATOMICS(unsigned)
SIMT_ATOMICS(unsigned long long)
#undef SIMT_ATOMICS

// The order of a floating-point sum must not depend on which thread comes first: reduce in a fixed tree.
float atomicAdd(float*, float) = delete;
double atomicAdd(double*, double) = delete;

// ---- arithmetic

#define SIMT_MIN_MAX(T)                            \
  inline T min(T a, T b) { return b < a ? b : a; } \
  inline T max(T a, T b) { return a < b ? b : a; }
SIMT_MIN_MAX(int)
SIMT_MIN_MAX(unsigned)
SIMT_MIN_MAX(long)
SIMT_MIN_MAX(unsigned long)
SIMT_MIN_MAX(long long)
SIMT_MIN_MAX(unsigned long long)
#undef SIMT_MIN_MAX

// Of a number and a NaN, the number.
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }

inline float rsqrtf(float x) noexcept { return 1.0f / sqrtf(x); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }

template <class T>
T __ldg(const T* address) {
  return *address;
}
