// What Python calls, named after the instruction set it was compiled for: plain pointers and sizes, a Status back.
#pragma once
#include "step.h"

#define GPTOSS_JOIN(name, isa) gptoss_##name##_##isa
#define GPTOSS_NAME(name, isa) GPTOSS_JOIN(name, isa)
#define GPTOSS_EXPORT(name) __attribute__((visibility("default"))) int GPTOSS_NAME(name, GPTOSS_ISA)

extern "C" {

GPTOSS_EXPORT(moe_mxfp4)(const float* x, const int64_t* ids, const float* weights, const uint8_t* gate_up_blocks,
                         const uint8_t* gate_up_scales, const float* gate_up_bias, const uint8_t* down_blocks,
                         const uint8_t* down_scales, const float* down_bias, float* y, int64_t T, int64_t K, int64_t E,
                         int64_t D, int64_t F, float limit, int threads) {
    return moe_mxfp4({x, ids, weights, gate_up_blocks, gate_up_scales, gate_up_bias, down_blocks, down_scales,
                      down_bias, y, T, K, E, D, F, limit},
                     team(3 * T * K * D * F, threads));
}

GPTOSS_EXPORT(moe_float)(const float* x, const int64_t* ids, const float* weights, const float* gate_up,
                         const float* gate_up_bias, const float* down, const float* down_bias, float* y, int64_t T,
                         int64_t K, int64_t E, int64_t D, int64_t F, float limit, int threads) {
    return moe_float(x, ids, weights, gate_up, gate_up_bias, down, down_bias, y, T, K, E, D, F, limit,
                     team(3 * T * K * D * F, threads));
}

GPTOSS_EXPORT(linear_bf16)(const float* x, const uint16_t* w, const float* bias, float* y, int64_t T, int64_t I,
                           int64_t O, int threads) {
    return linear_bf16(x, w, bias, y, T, I, O, team(T * I * O, threads));
}

GPTOSS_EXPORT(linear_float)(const float* x, const float* w, const float* bias, float* y, int64_t T, int64_t I, int64_t O,
                            int threads) {
    return linear_float(x, w, bias, y, T, I, O, team(T * I * O, threads));
}

GPTOSS_EXPORT(pack_int8)(const uint16_t* w, int8_t* values, uint16_t* scales, int64_t O, int64_t I, int threads) {
    return pack_int8(w, values, scales, O, I, threads);
}

GPTOSS_EXPORT(linear_int8)(const float* x, const int8_t* values, const uint16_t* scales, const float* bias, float* y,
                           int64_t T, int64_t I, int64_t O, int threads) {
    return linear_int8(x, values, scales, bias, y, T, I, O, team(T * I * O, threads));
}

GPTOSS_EXPORT(attention)(const float* q, int64_t q_stride, const void* k_pages, const void* v_pages, int bf16,
                         const int32_t* page_table, const float* sinks, float* y, int64_t T, int64_t H, int64_t G,
                         int64_t C, int64_t S, int64_t P, int64_t start, int64_t window, int threads) {
    const AttentionArguments a{q, q_stride, k_pages, v_pages, page_table, sinks, y, T, H, G, C, S, P, start, window};
    return attend(a, bf16, threads);
}

GPTOSS_EXPORT(rms_norm)(float* x, const float* delta, const float* scale, float* y, int64_t T, int64_t D, float eps,
                        int threads) {
    return rms_norm(x, delta, scale, y, T, D, eps, threads);
}

GPTOSS_EXPORT(rope_store)(const float* qkv, const float* rope, const int32_t* page_table, void* k_pages, void* v_pages,
                          int bf16, float* q, int64_t T, int64_t H, int64_t G, int64_t C, int64_t S, int64_t P,
                          int64_t start, int threads) {
    if (bf16)
        return rope_store(qkv, rope, page_table, static_cast<uint16_t*>(k_pages), static_cast<uint16_t*>(v_pages), q, T,
                          H, G, C, S, P, start, threads);
    return rope_store(qkv, rope, page_table, static_cast<float*>(k_pages), static_cast<float*>(v_pages), q, T, H, G, C,
                      S, P, start, threads);
}

GPTOSS_EXPORT(route)(const float* scores, int64_t* ids, float* weights, float* entropy, int64_t T, int64_t E, int64_t K) {
    return route(scores, ids, weights, entropy, T, E, K);
}

GPTOSS_EXPORT(step)(const StepModel* model, float* x, const float* rope, const int32_t* page_table, int64_t T, int64_t start,
                    float* logits, int64_t* ids, float* weights, float* entropy, int threads) {
    return step(*model, x, rope, page_table, T, start, logits, ids, weights, entropy, threads);
}

}  // extern "C"
