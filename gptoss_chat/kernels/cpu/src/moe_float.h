// The experts of a small model on float weights; exact. Knows nothing of instruction sets.
//
// A step of such a model is bound by the cost of starting work, not by the work: this is one call and, for few tokens, one thread.
#pragma once
#include "linear.h"
#include "moe.h"

namespace {

// y [T, D] of x [T, D], ids and weights [T, K], gate_up [E, 2F, D], down [E, F, D] (inputs before outputs); F is a multiple
// of 32. Threads take tokens: one token's sum runs in the router's order, whatever stands beside it.
int moe_float(const float* x, const int64_t* ids, const float* weights, const float* gate_up, const float* gate_up_bias,
              const float* down, const float* down_bias, float* y, int64_t T, int64_t K, int64_t E, int64_t D, int64_t F,
              float limit, int threads) {
    for (int64_t row = 0; row < T * K; row++)
        if (ids[row] < 0 || ids[row] >= E) return kBadIndex;
    memset(y, 0, T * D * sizeof(float));
#pragma omp parallel for num_threads(threads) schedule(dynamic, 4) if (threads > 1)
    for (int64_t t = 0; t < T; t++)
        for (int64_t row = t * K; row < (t + 1) * K; row++) {
            const int64_t e = ids[row];
            const float *x_D = x + t * D, weight = weights[row];
            float* y_D = y + t * D;
            for (int64_t d = 0; d < D; d++) y_D[d] += weight * down_bias[e * D + d];
            for (int64_t f = 0; f < F; f += kBlock) {
                const int64_t first = e * 2 * F + 2 * f;
                float product[2 * kBlock], hidden[kBlock];
                for (int i = 0; i < 2 * kBlock; i++) product[i] = dot_float(gate_up + (first + i) * D, x_D, D);
                swiglu(product, gate_up_bias + first, limit, hidden);
                for (int i = 0; i < kBlock; i += 4) {
                    const float* rows = down + (e * F + f + i) * D;
                    const float h0 = weight * hidden[i], h1 = weight * hidden[i + 1];
                    const float h2 = weight * hidden[i + 2], h3 = weight * hidden[i + 3];
                    for (int64_t d = 0; d < D; d++)
                        y_D[d] += (h0 * rows[d] + h1 * rows[D + d]) + (h2 * rows[2 * D + d] + h3 * rows[3 * D + d]);
                }
            }
        }
    return kDone;
}

}  // namespace
