// The inner products in NEON with the dot-product instructions; knows nothing of experts, threads or where results go.
//
// Signed bytes meet signed bytes: a nibble becomes 2 * value, and nothing has to be corrected.
#pragma once
#include <arm_neon.h>

#include "activations.h"

namespace {

struct Isa {
    static constexpr int kPanelRows = 16;
    static constexpr int kTileTokens = 3;  // 4 x 3 sums, 4 x 3 of floats, and operands: the 32 registers

    static inline int8x16_t nibble_table() {
        static const int8_t twice[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
        return vld1q_s8(twice);
    }

    // One row of MXFP4 (16 bytes a block, one scale byte a block) times NT rows of activations.
    template <int NT>
    static void dot_mxfp4(const uint8_t* w, const uint8_t* scales, int blocks, const SplitRow* x, float* y) {
        const int8x16_t table = nibble_table();
        float32x4_t acc[NT];
        for (int t = 0; t < NT; t++) acc[t] = vdupq_n_f32(0);
        for (int b = 0; b < blocks; b++) {
            const uint8x16_t packed = vld1q_u8(w + b * 16);
            const int8x16_t even = vqtbl1q_s8(table, vandq_u8(packed, vdupq_n_u8(15)));
            const int8x16_t odd = vqtbl1q_s8(table, vshrq_n_u8(packed, 4));
            const float scale = e8m0(scales[b]);
            for (int t = 0; t < NT; t++) {
                const int8_t* q = x[t].q + (b / 2) * 64 + (b % 2) * 16;
                const int32x4_t s = vdotq_s32(vdotq_s32(vdupq_n_s32(0), even, vld1q_s8(q)), odd, vld1q_s8(q + 32));
                acc[t] = vfmaq_n_f32(acc[t], vcvtq_f32_s32(s), scale * x[t].scale[b]);
            }
        }
        for (int t = 0; t < NT; t++) y[t] = vaddvq_f32(acc[t]);
    }

    // 16 rows of MXFP4 as a panel: [blocks][8 groups of 4 inputs][16 rows][4] bytes and scales [blocks][16]. Groups
    // 0-3 are the even inputs of a block, 4-7 the odd ones, as in SplitRow.
    static void unpack_mxfp4(const uint8_t* w, const uint8_t* scales, int blocks, uint8_t* panel, float* panel_scale) {
        const int8x16_t table = nibble_table();
        for (int b = 0; b < blocks; b++)
            for (int r = 0; r < 16; r++) {
                const uint8x16_t packed = vld1q_u8(w + (size_t(r) * blocks + b) * 16);
                int8_t values[32];
                vst1q_s8(values, vqtbl1q_s8(table, vandq_u8(packed, vdupq_n_u8(15))));
                vst1q_s8(values + 16, vqtbl1q_s8(table, vshrq_n_u8(packed, 4)));
                for (int g = 0; g < 8; g++) memcpy(panel + b * 512 + g * 64 + r * 4, values + g * 4, 4);
                panel_scale[b * 16 + r] = e8m0(scales[size_t(r) * blocks + b]);
            }
    }

    // A panel of 16 rows times NT rows of activations.
    template <int NT>
    static void tile_mxfp4(const uint8_t* panel, const float* panel_scale, int blocks, const SplitRow* x,
                           float (*y)[16]) {
        float32x4_t acc[NT][4];
        for (int t = 0; t < NT; t++)
            for (int r = 0; r < 4; r++) acc[t][r] = vdupq_n_f32(0);
        for (int b = 0; b < blocks; b++) {
            const int8_t* values = reinterpret_cast<const int8_t*>(panel) + b * 512;
            int32x4_t s[NT][4];
            for (int t = 0; t < NT; t++)
                for (int r = 0; r < 4; r++) s[t][r] = vdupq_n_s32(0);
            const int base = (b / 2) * 64 + (b % 2) * 16;
            for (int half = 0; half < 2; half++) {
                int8x16_t q[NT];
                for (int t = 0; t < NT; t++) q[t] = vld1q_s8(x[t].q + base + half * 32);
                const auto add = [&](int g, auto product) {
                    for (int r = 0; r < 4; r++) {
                        const int8x16_t weights = vld1q_s8(values + (half * 4 + g) * 64 + r * 16);
                        for (int t = 0; t < NT; t++) s[t][r] = product(s[t][r], weights, q[t]);
                    }
                };
                add(0, [](int32x4_t a, int8x16_t v, int8x16_t u) { return vdotq_laneq_s32(a, v, u, 0); });
                add(1, [](int32x4_t a, int8x16_t v, int8x16_t u) { return vdotq_laneq_s32(a, v, u, 1); });
                add(2, [](int32x4_t a, int8x16_t v, int8x16_t u) { return vdotq_laneq_s32(a, v, u, 2); });
                add(3, [](int32x4_t a, int8x16_t v, int8x16_t u) { return vdotq_laneq_s32(a, v, u, 3); });
            }
            for (int r = 0; r < 4; r++) {
                const float32x4_t scale = vld1q_f32(panel_scale + b * 16 + r * 4);
                for (int t = 0; t < NT; t++)
                    acc[t][r] = vfmaq_f32(acc[t][r], vcvtq_f32_s32(s[t][r]), vmulq_n_f32(scale, x[t].scale[b]));
            }
        }
        for (int t = 0; t < NT; t++)
            for (int r = 0; r < 4; r++) vst1q_f32(y[t] + r * 4, acc[t][r]);
    }

    // Eight rows of int8, [blocks][8 groups of 4 inputs][8 rows][4] with bf16 scales [blocks][8], times NT rows of
    // activations in their natural order.
    template <int NT>
    static void tile_int8(const int8_t* w, const uint16_t* scales, int blocks, const Int8Row* x, float (*y)[8]) {
        float32x4_t acc[NT][2];
        for (int t = 0; t < NT; t++) acc[t][0] = acc[t][1] = vdupq_n_f32(0);
        for (int b = 0; b < blocks; b++) {
            int32x4_t s[NT][2];
            for (int t = 0; t < NT; t++) s[t][0] = s[t][1] = vdupq_n_s32(0);
            for (int g = 0; g < 8; g++) {
                const int8x16_t w0 = vld1q_s8(w + b * 256 + g * 32), w1 = vld1q_s8(w + b * 256 + g * 32 + 16);
                for (int t = 0; t < NT; t++) {
                    int32_t four;
                    memcpy(&four, x[t].q + b * kBlock + g * 4, sizeof four);
                    const int8x16_t q = vreinterpretq_s8_s32(vdupq_n_s32(four));
                    s[t][0] = vdotq_s32(s[t][0], w0, q);
                    s[t][1] = vdotq_s32(s[t][1], w1, q);
                }
            }
            for (int i = 0; i < 2; i++) {
                const float32x4_t scale =
                    vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(scales + b * 8 + i * 4), 16));
                for (int t = 0; t < NT; t++)
                    acc[t][i] = vfmaq_f32(acc[t][i], vcvtq_f32_s32(s[t][i]), vmulq_n_f32(scale, x[t].scale[b]));
            }
        }
        for (int t = 0; t < NT; t++) {
            vst1q_f32(y[t], acc[t][0]);
            vst1q_f32(y[t] + 4, acc[t][1]);
        }
    }
};

}  // namespace
