// The inner products in plain C++, for any processor; see isa_avx2.h for the layouts. Knows nothing of experts.
#pragma once
#include "activations.h"

namespace {

struct Isa {
    static constexpr int kPanelRows = 0;  // no panels: every product goes row by row

    template <int NT>
    static void dot_mxfp4(const uint8_t* w, const uint8_t* scales, int blocks, const SplitRow* x, float* y) {
        static const int8_t twice[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
        for (int t = 0; t < NT; t++) y[t] = 0;
        for (int b = 0; b < blocks; b++) {
            const uint8_t* code = w + b * 16;
            int8_t even[16], odd[16];
            for (int i = 0; i < 16; i++) {
                even[i] = twice[code[i] & 15];
                odd[i] = twice[code[i] >> 4];
            }
            for (int t = 0; t < NT; t++) {
                const int8_t* q = x[t].q + (b / 2) * 64 + (b % 2) * 16;
                int sum = 0;
                for (int i = 0; i < 16; i++) sum += even[i] * q[i] + odd[i] * q[32 + i];
                y[t] += float(sum) * (e8m0(scales[b]) * x[t].scale[b]);
            }
        }
    }

    template <int NT>
    static void tile_int8(const int8_t* w, const uint16_t* scales, int blocks, const Int8Row* x, float (*y)[8]) {
        for (int t = 0; t < NT; t++) {
            for (int r = 0; r < 8; r++) y[t][r] = 0;
            for (int b = 0; b < blocks; b++)
                for (int r = 0; r < 8; r++) {
                    int sum = 0;
                    for (int i = 0; i < kBlock; i++)
                        sum += w[b * 256 + i / 4 * 32 + r * 4 + i % 4] * x[t].q[b * kBlock + i];
                    y[t][r] += float(sum) * (bf16_to_float(scales[b * 8 + r]) * x[t].scale[b]);
                }
        }
    }
};

}  // namespace
