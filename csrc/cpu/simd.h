// The vectors that the CPU kernels are written in: GCC's and Clang's vector types, as wide as the instruction set that this file is being
// compiled for, and the few functions over them. With small_integers.h one of the three places that ask for the platform.
//
// Every file of csrc/cpu/ is compiled once an instruction set, with FASTCNN_ISA naming it. All that it defines lies in
// fastcnn::cpu::FASTCNN_ISA, so that no function compiled for AVX-512 can be taken by the linker for one of the same name elsewhere:
// no standard container and no inline function from outside this namespace is used here, unless it has internal linkage.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#ifndef FASTCNN_ISA
#define FASTCNN_ISA baseline
#endif

namespace fastcnn::cpu::FASTCNN_ISA {

#if defined(__AVX512F__)
constexpr int lanes = 16;
constexpr int registers = 32;
#elif defined(__AVX2__)
constexpr int lanes = 8;
constexpr int registers = 16;
#elif defined(__aarch64__)
constexpr int lanes = 4;
constexpr int registers = 32;
#else
constexpr int lanes = 4;
constexpr int registers = 16;
#endif

typedef float Vec __attribute__((vector_size(lanes * sizeof(float))));
typedef int32_t IntVec __attribute__((vector_size(lanes * sizeof(int32_t))));
typedef uint32_t UnsignedVec
    __attribute__((vector_size(lanes * sizeof(uint32_t))));  // where a sum may pass through what int32_t cannot hold

#define FASTCNN_INLINE static inline __attribute__((always_inline))

FASTCNN_INLINE Vec load(const float* from) {
  Vec v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

FASTCNN_INLINE void store(float* to, Vec v) { __builtin_memcpy(to, &v, sizeof v); }

#if defined(__AVX2__) && !defined(__AVX512F__)
// All bits of the first `count` lanes.
FASTCNN_INLINE __m256i first_lanes(int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
#endif

// The first `count` lanes, in [1, lanes); the others are 0.
FASTCNN_INLINE Vec load_first(const float* from, int64_t count) {
#if defined(__AVX512F__)
  return reinterpret_cast<Vec>(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), from));
#elif defined(__AVX2__)
  return reinterpret_cast<Vec>(_mm256_maskload_ps(from, first_lanes(count)));
#else
  Vec v = {};
  for (int64_t lane = 0; lane < count; ++lane) v[lane] = from[lane];
  return v;
#endif
}

FASTCNN_INLINE void store_first(float* to, Vec v, int64_t count) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << count) - 1), reinterpret_cast<__m512>(v));
#elif defined(__AVX2__)
  _mm256_maskstore_ps(to, first_lanes(count), reinterpret_cast<__m256>(v));
#else
  for (int64_t lane = 0; lane < count; ++lane) to[lane] = v[lane];
#endif
}

// The first `count` lanes, in [1, lanes].
FASTCNN_INLINE Vec load_lanes(const float* from, int64_t count) { return count < lanes ? load_first(from, count) : load(from); }
FASTCNN_INLINE void store_lanes(float* to, Vec v, int64_t count) {
  if (count < lanes)
    store_first(to, v, count);
  else
    store(to, v);
}

// x - 0 is x for every x, -0 included, so this is one broadcast.
FASTCNN_INLINE Vec broadcast(float x) { return x - Vec{}; }

FASTCNN_INLINE Vec select(IntVec mask, Vec yes, Vec no) { return mask ? yes : no; }

// Lane l: element places[l] of a vector, or of two, one behind the other; only the bits of places that are needed count.
#if defined(__AVX512F__)
constexpr bool picks_from_two = true;  // whether that is one instruction
FASTCNN_INLINE IntVec pick(IntVec from, IntVec places) {
  return reinterpret_cast<IntVec>(_mm512_permutexvar_epi32(reinterpret_cast<__m512i>(places), reinterpret_cast<__m512i>(from)));
}
FASTCNN_INLINE Vec pick(Vec low, Vec high, IntVec places) {
  return reinterpret_cast<Vec>(
      _mm512_permutex2var_ps(reinterpret_cast<__m512>(low), reinterpret_cast<__m512i>(places), reinterpret_cast<__m512>(high)));
}
#else
constexpr bool picks_from_two = false;
FASTCNN_INLINE IntVec pick(IntVec from, IntVec places) {
  IntVec picked;
  for (int lane = 0; lane < lanes; ++lane) picked[lane] = from[places[lane] & (lanes - 1)];
  return picked;
}
FASTCNN_INLINE Vec pick(Vec low, Vec high, IntVec places) {
  Vec picked;
  for (int lane = 0; lane < lanes; ++lane) picked[lane] = (places[lane] & lanes ? high : low)[places[lane] & (lanes - 1)];
  return picked;
}
#endif

// Whether any lane of a mask, as a comparison gives it, is set.
FASTCNN_INLINE bool any(IntVec mask) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask(reinterpret_cast<__m512i>(mask)) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(reinterpret_cast<__m256>(mask)) != 0;
#elif defined(__x86_64__)
  return _mm_movemask_ps(reinterpret_cast<__m128>(mask)) != 0;
#else
  int32_t set = 0;
  for (int lane = 0; lane < lanes; ++lane) set |= mask[lane];
  return set != 0;
#endif
}

// Whether any lane of the four is a NaN.
FASTCNN_INLINE bool any_nan(Vec a, Vec b, Vec c, Vec d) {
#if defined(__AVX512F__)
  const __m512 first = reinterpret_cast<__m512>(a), second = reinterpret_cast<__m512>(c);
  return (_mm512_cmp_ps_mask(first, reinterpret_cast<__m512>(b), _CMP_UNORD_Q) |
          _mm512_cmp_ps_mask(second, reinterpret_cast<__m512>(d), _CMP_UNORD_Q)) != 0;
#else
  return any((a != a) | (b != b) | (c != c) | (d != d));
#endif
}

FASTCNN_INLINE Vec square_root(Vec v) {
#if defined(__AVX512F__)
  return reinterpret_cast<Vec>(_mm512_sqrt_ps(reinterpret_cast<__m512>(v)));
#elif defined(__AVX2__)
  return reinterpret_cast<Vec>(_mm256_sqrt_ps(reinterpret_cast<__m256>(v)));
#elif defined(__x86_64__)
  return reinterpret_cast<Vec>(_mm_sqrt_ps(reinterpret_cast<__m128>(v)));
#else
  for (int lane = 0; lane < lanes; ++lane) v[lane] = __builtin_sqrtf(v[lane]);
  return v;
#endif
}

// Exchanges rows and columns: lane j of rows[i] and lane i of rows[j].
#if defined(__AVX512F__)
FASTCNN_INLINE void transpose(Vec (&rows)[lanes]) {
  // Pairs of floats, pairs of pairs, then quarters of vectors: four rounds of 16 shuffles.
  __m512 a[lanes], b[lanes];
#pragma GCC unroll 16
  for (int i = 0; i < lanes; ++i) a[i] = reinterpret_cast<__m512>(rows[i]);
#pragma GCC unroll 16
  for (int i = 0; i < lanes; i += 2) {
    b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
  }
#pragma GCC unroll 16
  for (int i = 0; i < lanes; i += 4) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      const __m512d low = _mm512_castps_pd(b[i + j]), high = _mm512_castps_pd(b[i + j + 2]);
      a[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
      a[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < 4; ++i) {
    b[i] = _mm512_shuffle_f32x4(a[i], a[i + 4], 0x88);
    b[i + 4] = _mm512_shuffle_f32x4(a[i], a[i + 4], 0xdd);
    b[i + 8] = _mm512_shuffle_f32x4(a[i + 8], a[i + 12], 0x88);
    b[i + 12] = _mm512_shuffle_f32x4(a[i + 8], a[i + 12], 0xdd);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 8; ++i) {
    rows[i] = reinterpret_cast<Vec>(_mm512_shuffle_f32x4(b[i], b[i + 8], 0x88));
    rows[i + 8] = reinterpret_cast<Vec>(_mm512_shuffle_f32x4(b[i], b[i + 8], 0xdd));
  }
}
#else
FASTCNN_INLINE void transpose(Vec (&rows)[lanes]) {
  for (int i = 0; i < lanes; ++i) {
    for (int j = 0; j < i; ++j) {
      const float below = rows[i][j];
      rows[i][j] = rows[j][i];
      rows[j][i] = below;
    }
  }
}
#endif

// Lists of pairs (key, value), one list a lane: list l lies at keys + l * step and values + l * step and has count[l] pairs.
struct LaneLists {
  int32_t* keys;
  float* values;
  int64_t step;
  int64_t count[lanes];
};

// Appends to each lane's list the pairs (keys[i], values[i]) of that lane whose key is not negative, for i in [0, rows), and the same for
// `used` lanes only. A list needs room for `lanes` pairs behind its end. With AVX-512, rows and columns are exchanged, and the pairs of a
// list move together.
FASTCNN_INLINE void append_rows(IntVec (&keys)[lanes], Vec (&values)[lanes], int64_t rows, int64_t used, LaneLists& lists) {
#if defined(__AVX512F__)
  Vec key_columns[lanes];
  for (int i = 0; i < lanes; ++i) key_columns[i] = reinterpret_cast<Vec>(i < rows ? keys[i] : IntVec{} - 1);
  transpose(key_columns);
  transpose(values);
  for (int64_t lane = 0; lane < used; ++lane) {
    const __m512i column = reinterpret_cast<__m512i>(key_columns[lane]);
    const __mmask16 kept = static_cast<__mmask16>(~_mm512_movepi32_mask(column));  // the sign bits
    const int64_t end = lane * lists.step + lists.count[lane];
    _mm512_storeu_si512(lists.keys + end, _mm512_maskz_compress_epi32(kept, column));
    _mm512_storeu_ps(lists.values + end, _mm512_maskz_compress_ps(kept, reinterpret_cast<__m512>(values[lane])));
    lists.count[lane] += __builtin_popcount(kept);
  }
#else
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t lane = 0; lane < used; ++lane) {
      const int64_t end = lane * lists.step + lists.count[lane];
      lists.keys[end] = keys[i][lane];
      lists.values[end] = values[i][lane];
      lists.count[lane] += keys[i][lane] >= 0;
    }
  }
#endif
}

// The same pointer, of which the compiler knows nothing more: it then addresses from it by constants, instead of keeping a register for
// each sum of offsets (GCC 12 ran out of them, and of time: the sparse gradients took twice as long).
template <class T>
FASTCNN_INLINE T* opaque(T* pointer) {
  asm("" : "+r"(pointer));
  return pointer;
}

FASTCNN_INLINE float sum(Vec v) {
  float total = 0;
  for (int lane = 0; lane < lanes; ++lane) total += v[lane];
  return total;
}

// What a modern processor calls the floating-point mode: subnormal operands and results count as zero.
FASTCNN_INLINE unsigned long long float_mode() {
#if defined(__x86_64__)
  return _mm_getcsr();
#elif defined(__aarch64__)
  unsigned long long mode;
  asm volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
#else
  return 0;
#endif
}

FASTCNN_INLINE void set_float_mode(unsigned long long mode) {
#if defined(__x86_64__)
  _mm_setcsr(static_cast<unsigned>(mode));
#elif defined(__aarch64__)
  asm volatile("msr fpcr, %0" : : "r"(mode));
#else
  (void)mode;
#endif
}

#if defined(__x86_64__)
constexpr unsigned long long flush_subnormals_bits = 0x8040;  // FTZ and DAZ
#elif defined(__aarch64__)
constexpr unsigned long long flush_subnormals_bits = 1ull << 24;  // FZ
#else
constexpr unsigned long long flush_subnormals_bits = 0;
#endif

}  // namespace fastcnn::cpu::FASTCNN_ISA
