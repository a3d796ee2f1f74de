// Small integers, as poolings store the places of their winners: a row of them widened to a vector's integers, and narrowed again (larger
// ones than fit give anything). By intrinsics: from a vector type, GCC 12 converts them one by one.
#pragma once

#include <type_traits>

#include "cpu/simd.h"

namespace fastcnn::cpu::FASTCNN_ISA {

// The first bytes of a row: a whole one in one piece, others in up to five, without a call of memcpy.
template <int64_t Row>
FASTCNN_INLINE void store_bytes(void* to, const void* row, int64_t bytes) {
  auto* at = static_cast<char*>(to);
  const auto* from = static_cast<const char*>(row);
  if (bytes == Row) {
    __builtin_memcpy(at, from, Row);
    return;
  }
  const auto piece = [&](auto size) {
    if (bytes & size) {
      __builtin_memcpy(at, from, size);
      at += size;
      from += size;
    }
  };
  piece(std::integral_constant<int64_t, 16>());
  piece(std::integral_constant<int64_t, 8>());
  piece(std::integral_constant<int64_t, 4>());
  piece(std::integral_constant<int64_t, 2>());
  piece(std::integral_constant<int64_t, 1>());
}

#if defined(__x86_64__)
// Up to 16 bytes, the rest 0. Those of a whole row in one piece: what is written in two and read in one waits for the store.
FASTCNN_INLINE __m128i load_row(const void* from, int64_t bytes) {
#if defined(__AVX512F__)
  return _mm_maskz_loadu_epi8(static_cast<__mmask16>((1u << bytes) - 1), from);
#else
  if (bytes == 16) return _mm_loadu_si128(static_cast<const __m128i*>(from));
  if (bytes == 8) return _mm_loadl_epi64(static_cast<const __m128i*>(from));
  if (bytes == 4) {
    int32_t whole;
    __builtin_memcpy(&whole, from, sizeof whole);
    return _mm_cvtsi32_si128(whole);
  }
  alignas(16) uint8_t row[16] = {};
  store_bytes<16>(row, from, bytes);
  return _mm_load_si128(reinterpret_cast<const __m128i*>(row));
#endif
}
#endif

// The first `count`, in [1, lanes], of a row.
FASTCNN_INLINE IntVec load_small(const uint8_t* from, int64_t count) {
#if defined(__x86_64__)
  const __m128i narrow = load_row(from, count);
#if defined(__AVX512F__)
  return reinterpret_cast<IntVec>(_mm512_cvtepu8_epi32(narrow));
#elif defined(__AVX2__)
  return reinterpret_cast<IntVec>(_mm256_cvtepu8_epi32(narrow));
#else
  return reinterpret_cast<IntVec>(_mm_cvtepu8_epi32(narrow));
#endif
#else
  IntVec v = {};
  for (int64_t lane = 0; lane < count; ++lane) v[lane] = from[lane];
  return v;
#endif
}

FASTCNN_INLINE IntVec load_small(const uint16_t* from, int64_t count) {
#if defined(__AVX512F__)
  const auto first = static_cast<__mmask16>((1u << count) - 1);
  return reinterpret_cast<IntVec>(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first, from)));
#elif defined(__AVX2__)
  return reinterpret_cast<IntVec>(_mm256_cvtepu16_epi32(load_row(from, count * 2)));
#elif defined(__x86_64__)
  return reinterpret_cast<IntVec>(_mm_cvtepu16_epi32(load_row(from, count * 2)));
#else
  IntVec v = {};
  for (int64_t lane = 0; lane < count; ++lane) v[lane] = from[lane];
  return v;
#endif
}

FASTCNN_INLINE void store_small(uint8_t* to, IntVec v, int64_t count) {
#if defined(__AVX512F__)
  // The masked form: GCC 12 warns of an operand that the plain one leaves undefined.
  const __m128i narrow = _mm512_maskz_cvtepi32_epi8(static_cast<__mmask16>(-1), reinterpret_cast<__m512i>(v));
  _mm_mask_storeu_epi8(to, static_cast<__mmask16>((1u << count) - 1), narrow);
#else
  alignas(16) uint8_t row[16];
#if defined(__AVX2__)
  const __m256i whole = reinterpret_cast<__m256i>(v);
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
  _mm_store_si128(reinterpret_cast<__m128i*>(row), _mm_packus_epi16(words, words));
#elif defined(__x86_64__)
  const __m128i words = _mm_packus_epi32(reinterpret_cast<__m128i>(v), reinterpret_cast<__m128i>(v));
  _mm_store_si128(reinterpret_cast<__m128i*>(row), _mm_packus_epi16(words, words));
#else
  for (int lane = 0; lane < lanes; ++lane) row[lane] = static_cast<uint8_t>(v[lane]);
#endif
  store_bytes<lanes>(to, row, count);
#endif
}

FASTCNN_INLINE void store_small(uint16_t* to, IntVec v, int64_t count) {
#if defined(__AVX512F__)
  const __m256i narrow = _mm512_maskz_cvtepi32_epi16(static_cast<__mmask16>(-1), reinterpret_cast<__m512i>(v));
  _mm256_mask_storeu_epi16(to, static_cast<__mmask16>((1u << count) - 1), narrow);
#else
  alignas(16) uint16_t row[8];
#if defined(__AVX2__)
  const __m256i whole = reinterpret_cast<__m256i>(v);
  _mm_store_si128(reinterpret_cast<__m128i*>(row), _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1)));
#elif defined(__x86_64__)
  _mm_store_si128(reinterpret_cast<__m128i*>(row), _mm_packus_epi32(reinterpret_cast<__m128i>(v), reinterpret_cast<__m128i>(v)));
#else
  for (int lane = 0; lane < lanes; ++lane) row[lane] = static_cast<uint16_t>(v[lane]);
#endif
  store_bytes<2 * lanes>(to, row, count * 2);
#endif
}

}  // namespace fastcnn::cpu::FASTCNN_ISA
