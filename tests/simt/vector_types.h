// CUDA's small vectors: coordinates, and the few that kernels load at once. Their alignment is CUDA's, so that a misaligned load is found
// by the undefined-behaviour sanitizer.
#pragma once

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned columns = 1, unsigned rows = 1, unsigned slices = 1) : x(columns), y(rows), z(slices) {}
};

struct alignas(8) int2 {
  int x, y;
};

struct alignas(8) float2 {
  float x, y;
};

struct alignas(16) float4 {
  float x, y, z, w;
};

struct alignas(4) uchar4 {
  unsigned char x, y, z, w;
};

inline int2 make_int2(int x, int y) { return {x, y}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline uchar4 make_uchar4(unsigned char x, unsigned char y, unsigned char z, unsigned char w) { return {x, y, z, w}; }
