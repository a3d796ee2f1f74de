// Philox-4x32-10: random numbers as a function of a key and a counter, nothing else, so that every device and any number of threads
// draws the same: constexpr, so that nvcc compiles them for the GPU too. Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers:
// as easy as 1, 2, 3", SC 2011.
//
// The key is (seed); the counter is (index of the block of four, step, purpose). The functions have internal linkage, so that kernels of
// every instruction set can include them.
#pragma once

#include <cstdint>

namespace fastcnn {

// What a stream of random numbers is for: with (seed, step) it names the stream.
struct RandomKey {
  uint64_t seed;
  uint64_t step;
  uint32_t purpose;
  uint64_t first_block = 0;  // of what is drawn: the blocks of four before it belong to others
};

struct PhiloxBlock {
  uint32_t value[4];
};

static constexpr PhiloxBlock philox(PhiloxBlock counter, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53u} * counter.value[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57u} * counter.value[2];
    counter = {{static_cast<uint32_t>(product1 >> 32) ^ counter.value[1] ^ key0, static_cast<uint32_t>(product1),
                static_cast<uint32_t>(product0 >> 32) ^ counter.value[3] ^ key1, static_cast<uint32_t>(product0)}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

// The block of four 32-bit numbers at `index` of the stream. A step counts to 2^32.
static constexpr PhiloxBlock random_block(const RandomKey& key, uint64_t index) {
  index += key.first_block;
  const PhiloxBlock counter = {
      {static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), static_cast<uint32_t>(key.step), key.purpose}};
  return philox(counter, static_cast<uint32_t>(key.seed), static_cast<uint32_t>(key.seed >> 32));
}

// The top 24 bits as a float32 in [0, 1).
static constexpr float to_unit_float(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }

}  // namespace fastcnn
