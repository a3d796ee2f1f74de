// Images changed element by element, where what hangs on the image alone is dear: it is in double precision, of which GPUs have little.
#pragma once

#include "cuda/launch.cuh"

namespace fastcnn::cuda {

// Each block has elements of one image, for which one of its threads makes what all of them need.
template <class Body>
__global__ void each_image_element(int64_t N, int64_t floats, Body body) {
  using Made = typename Body::OfImage;
  auto& memory = shared<SharedArray<Made, 1>>();
  const int64_t i = int64_t{blockIdx.x} * element_threads + threadIdx.x;
  for (int64_t n = blockIdx.y; n < N; n += gridDim.y) {
    if (threadIdx.x == 0) memory[0] = body.of_image(n);
    __syncthreads();
    const Made made = memory[0];
    if (i < floats) body(made, n * floats + i);
    __syncthreads();  // all have read it
  }
}

// body(made, i) for each element i of N images of so many floats; made: body.of_image(n), computed once a block for image n. Body: a struct
// with a type OfImage, a __device__ OfImage of_image(int64_t) const and an operator()(const OfImage&, int64_t) const.
template <class Body>
void launch_image_elements(const Parallel& parallel, int64_t N, int64_t floats, const Body& body) {
  constexpr int64_t most = 65535;  // rows of a grid
  launch(parallel, blocks_for(floats, element_threads), N < most ? N : most, 1, element_threads, each_image_element<Body>, N, floats, body);
}

}  // namespace fastcnn::cuda
