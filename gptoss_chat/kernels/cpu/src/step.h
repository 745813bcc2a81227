// A few tokens through every layer, and the last one through the head, in a single call: what separate calls would cost to start is
// paid once, and whoever waits for Python meanwhile has it for the whole step. Knows no arithmetic of its own: its parts are the
// operators', and each token's sums are those of the token alone.
//
// T tokens, L layers, D model, H query heads, G key-value heads, C head size, S slots a page, P pages, E experts, K of them chosen, F expert
// width, V vocabulary.
#pragma once
#include "attention.h"
#include "moe_float.h"
#include "small.h"

namespace {

enum MatrixKind : int64_t { kFloat32 = 0, kBfloat16 = 1, kInt8 = 2 };

struct Matrix {  // [outputs, inputs]
    int64_t kind;
    const void *data, *scales;
};

struct StepLayer {
    const float* attn_norm;
    Matrix qkv;
    const float *qkv_bias, *sinks;
    Matrix out;
    const float *out_bias, *mlp_norm;
    Matrix router;
    const float* router_bias;
    const void *gate_up, *gate_up_scales;  // no scales: float, [E, 2F, D] and down [E, F, D]
    const float* gate_up_bias;
    const void *down, *down_scales;
    const float* down_bias;
    void *k_pages, *v_pages;  // [P, S, G, C]
    int64_t window;
};

struct StepModel {
    const StepLayer* layers;
    const float* norm;
    Matrix head;
    int64_t L, D, H, G, C, S, P, E, K, F, V, bf16_pages;
    float eps, limit;
};

int multiply(const Matrix& w, const float* x, const float* bias, float* y, int64_t T, int64_t I, int64_t O, int threads) {
    threads = team(T * I * O, threads);
    if (w.kind == kInt8)
        return linear_int8(x, static_cast<const int8_t*>(w.data), static_cast<const uint16_t*>(w.scales), bias, y, T, I,
                           O, threads);
    if (w.kind == kBfloat16)
        return linear_bf16(x, static_cast<const uint16_t*>(w.data), bias, y, T, I, O, threads);
    return linear_float(x, static_cast<const float*>(w.data), bias, y, T, I, O, threads);
}

int attend(const AttentionArguments& a, bool bf16, int threads) {
    const int64_t keys = a.window && a.window < a.start ? a.window : a.start;
    threads = team(2 * a.T * a.H * a.C * (keys + a.T), threads);
    return bf16 ? attention<uint16_t>(a, threads) : attention<float>(a, threads);
}

int choose_and_run(const StepModel& m, const StepLayer& w, const float* h, float* scores, int64_t* ids, float* weights,
                   float* entropy, float* y, int64_t T, int threads) {
    if (const int status = multiply(w.router, h, w.router_bias, scores, T, m.D, m.E, threads)) return status;
    if (const int status = route(scores, ids, weights, entropy, T, m.E, m.K)) return status;
    if (!w.gate_up_scales)
        return moe_float(h, ids, weights, static_cast<const float*>(w.gate_up), w.gate_up_bias,
                         static_cast<const float*>(w.down), w.down_bias, y, T, m.K, m.E, m.D, m.F, m.limit, 1);
    const auto bytes = [](const void* p) { return static_cast<const uint8_t*>(p); };
    return moe_mxfp4({h, ids, weights, bytes(w.gate_up), bytes(w.gate_up_scales), w.gate_up_bias, bytes(w.down),
                      bytes(w.down_scales), w.down_bias, y, T, m.K, m.E, m.D, m.F, m.limit},
                     team(3 * T * m.K * m.D * m.F, threads));
}

// x [T, D] are the tokens' embeddings, and are written; rope [T, C] their angles, as rope_store takes them. Gives the last one's
// logits [V], and ids and weights [L, T, K] and entropy [L, T].
int step(const StepModel& m, float* x, const float* rope, const int32_t* page_table, int64_t T, int64_t start,
         float* logits, int64_t* ids, float* weights, float* entropy, int threads) {
    const int64_t A = m.H * m.C, X = (m.H + 2 * m.G) * m.C;
    Scratch<float> memory(T * (2 * m.D + X + 2 * A + m.E));
    if (!memory.data) return kNoMemory;
    float *h = memory.data, *delta = h + T * m.D, *qkv = delta + T * m.D, *q = qkv + T * X, *mixed = q + T * A;
    float* scores = mixed + T * A;
    const auto store = [&](auto* k, auto* v) {
        return rope_store(qkv, rope, page_table, k, v, q, T, m.H, m.G, m.C, m.S, m.P, start, 1);
    };
    for (int64_t l = 0; l < m.L; l++) {
        const StepLayer& w = m.layers[l];
        rms_norm(x, l ? delta : nullptr, w.attn_norm, h, T, m.D, m.eps, 1);
        if (const int status = multiply(w.qkv, h, w.qkv_bias, qkv, T, m.D, X, threads)) return status;
        if (const int status = m.bf16_pages
                                   ? store(static_cast<uint16_t*>(w.k_pages), static_cast<uint16_t*>(w.v_pages))
                                   : store(static_cast<float*>(w.k_pages), static_cast<float*>(w.v_pages)))
            return status;
        for (int64_t t = 0; t < T; t++) {
            const AttentionArguments a{q + t * A, A,   w.k_pages, w.v_pages, page_table, w.sinks, mixed + t * A, 1,
                                       m.H,       m.G, m.C,       m.S,       m.P,        start + t, w.window};
            if (const int status = attend(a, m.bf16_pages, threads)) return status;
        }
        if (const int status = multiply(w.out, mixed, w.out_bias, delta, T, A, m.D, threads)) return status;
        rms_norm(x, delta, w.mlp_norm, h, T, m.D, m.eps, 1);
        if (const int status = choose_and_run(m, w, h, scores, ids + l * T * m.K, weights + l * T * m.K, entropy + l * T,
                                              delta, T, threads))
            return status;
    }
    const int64_t last = (T - 1) * m.D;
    rms_norm(x + last, delta + last, m.norm, h, 1, m.D, m.eps, 1);
    return multiply(m.head, h, nullptr, logits, 1, m.D, m.V, threads);
}

}  // namespace
