#pragma once

#include <cstdint>
#include <functional>

namespace vitro::bench {

/// One single-threaded run of the same work in oneDNN, ready to call; empty when built without it.
using PeerRun = std::function<void()>;

/// "oneDNN 2.6.3", or "none".
const char* peer_name();
/// C[m, n] = A[m, k] * W[n, k]^T + bias, with GELU(erf) when asked. packed: the weights in the
/// layout oneDNN prefers; otherwise row-major [k, n].
PeerRun peer_matmul(int64_t m, int64_t n, int64_t k, bool gelu, bool packed);
/// Depthwise kernel x kernel convolution, NHWC, stride 1, same padding.
PeerRun peer_depthwise(int64_t h, int64_t w, int64_t c, int64_t kernel);
/// Convolution with kernel == stride on an NHWC image.
PeerRun peer_patches(int64_t h, int64_t w, int64_t c, int64_t kernel, int64_t out_c);

}  // namespace vitro::bench
