// Dense products: float and bf16 weights against float activations (exact), int8 weights against int8 activations.
//
// T tokens, I inputs, O outputs. A step of decoding is bound by reading the weights, once, in order; threads take runs
// of rows as they come.
#pragma once
#include "activations.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace {

// Asks for huge pages before memory is first touched: reading 15 GB/s through pages of 4 KiB costs an eighth of the time.
GPTOSS_INLINE void prefer_huge_pages(void* memory, size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    constexpr uintptr_t kHuge = 2 << 20;
    const uintptr_t from = (reinterpret_cast<uintptr_t>(memory) + kHuge - 1) & ~(kHuge - 1);
    const uintptr_t to = (reinterpret_cast<uintptr_t>(memory) + bytes) & ~(kHuge - 1);
    if (from < to) madvise(reinterpret_cast<void*>(from), to - from, MADV_HUGEPAGE);  // a wish: refusal changes nothing
#else
    (void)memory, (void)bytes;
#endif
}

template <int NT>
void dot_bf16(const uint16_t* w, const float* x_TI, int64_t inputs, float* y) {
    v8 acc[NT][2];
    for (int t = 0; t < NT; t++) acc[t][0] = acc[t][1] = all8(0);
    int64_t i = 0;
    for (; i + 16 <= inputs; i += 16) {
        const v8 w0 = load8(w + i), w1 = load8(w + i + 8);
        for (int t = 0; t < NT; t++) {
            acc[t][0] += w0 * load8(x_TI + t * inputs + i);
            acc[t][1] += w1 * load8(x_TI + t * inputs + i + 8);
        }
    }
    for (int t = 0; t < NT; t++) {
        y[t] = sum8(acc[t][0] + acc[t][1]);
        for (int64_t j = i; j < inputs; j++) y[t] += bf16_to_float(w[j]) * x_TI[t * inputs + j];
    }
}

// y [T, O] of x [T, I] and bf16 w [O, I]; bias may be null. Meant for few tokens: w is read once for every four.
int linear_bf16(const float* x, const uint16_t* w, const float* bias, float* y, int64_t T, int64_t I, int64_t O,
                int threads) {
    for (int64_t t = 0; t < T; t += 4) {
        const int n = T - t < 4 ? int(T - t) : 4;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 16)
        for (int64_t o = 0; o < O; o++) {
            float out[4] = {};
            const float* rows = x + t * I;
            if (n == 1) dot_bf16<1>(w + o * I, rows, I, out);
            if (n == 2) dot_bf16<2>(w + o * I, rows, I, out);
            if (n == 3) dot_bf16<3>(w + o * I, rows, I, out);
            if (n == 4) dot_bf16<4>(w + o * I, rows, I, out);
            for (int i = 0; i < n; i++) y[(t + i) * O + o] = out[i] + (bias ? bias[o] : 0);
        }
    }
    return kDone;
}

GPTOSS_INLINE float dot_float(const float* a, const float* b, int64_t n) {
    v8 even = all8(0), odd = all8(0);
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        even += load8(a + i) * load8(b + i);
        odd += load8(a + i + 8) * load8(b + i + 8);
    }
    float sum = sum8(even + odd);
    for (; i < n; i++) sum += a[i] * b[i];
    return sum;
}

// y [T, O] of x [T, I] and float w [O, I]; bias may be null. Meant for few tokens.
int linear_float(const float* x, const float* w, const float* bias, float* y, int64_t T, int64_t I, int64_t O, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int64_t o = 0; o < O; o++)
        for (int64_t t = 0; t < T; t++) y[t * O + o] = dot_float(w + o * I, x + t * I, I) + (bias ? bias[o] : 0);
    return kDone;
}

// The smallest bf16 that is not below a positive x.
GPTOSS_INLINE uint16_t bf16_above(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return uint16_t((bits + 0xFFFF) >> 16);
}

// bf16 w [O, I] to int8 values [O / 8, I / 32, 8, 8, 4] (groups of 4 inputs, rows, inputs) and bf16 scales
// [O / 8, I / 32, 8]; O is rounded up with rows of zeros. A block of 32 with a NaN or an infinity gets the scale NaN.
int pack_int8(const uint16_t* w, int8_t* values, uint16_t* scales, int64_t O, int64_t I, int threads) {
    const int64_t blocks = I / kBlock;
    prefer_huge_pages(values, (O + 7) / 8 * blocks * 256);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t group = 0; group < (O + 7) / 8; group++)
        for (int r = 0; r < 8; r++)
            for (int64_t b = 0; b < blocks; b++) {
                const int64_t row = group * 8 + r;
                float x[kBlock] = {};
                int8_t q[kBlock] = {};
                for (int i = 0; i < kBlock && row < O; i += 8) store8(x + i, load8(w + row * I + b * kBlock + i));
                const float peak = peak_of_block(x);
                const uint16_t scale = peak >= 0 ? bf16_above(peak / 127.0f) : 0x7FC0;
                if (bf16_to_float(scale) > 1e-36f) round_block(x, 1.0f / bf16_to_float(scale), q);
                scales[(group * blocks + b) * 8 + r] = scale;
                for (int g = 0; g < 8; g++) memcpy(values + (group * blocks + b) * 256 + g * 32 + r * 4, q + g * 4, 4);
            }
    return kDone;
}

// y [T, O] of x [T, I] and the packed matrix; bias may be null.
int linear_int8(const float* x, const int8_t* values, const uint16_t* scales, const float* bias, float* y, int64_t T,
                int64_t I, int64_t O, int threads) {
    const int blocks = int(I / kBlock);
    Scratch<int8_t> q(T * I), magnitudes(T * I);
    Scratch<float> x_scale(T * blocks);
    Scratch<int32_t> sums(T * blocks);
    Scratch<Int8Row> rows(T);
    if (!q.data || !magnitudes.data || !x_scale.data || !sums.data || !rows.data) return kNoMemory;
    for (int64_t t = 0; t < T; t++)
        rows.data[t] = {q.data + t * I, magnitudes.data + t * I, x_scale.data + t * blocks, sums.data + t * blocks};
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int64_t b = 0; b < T * blocks; b++) {
            x_scale.data[b] = quantise_block(x + b * kBlock, q.data + b * kBlock);
            int32_t sum = 0;
            for (int64_t i = b * kBlock; i < (b + 1) * kBlock; i++) {
                magnitudes.data[i] = q.data[i] < 0 ? int8_t(-q.data[i]) : q.data[i];
                sum += q.data[i];
            }
            sums.data[b] = sum;
        }
#pragma omp for schedule(dynamic, 2)
        for (int64_t group = 0; group < (O + 7) / 8; group++) {
            const int8_t* v = values + group * blocks * 256;
            const uint16_t* s = scales + group * blocks * 8;
            const int count = O - group * 8 < 8 ? int(O - group * 8) : 8;
            for (int64_t t = 0; t < T; t += 4) {
                float out[4][8] = {};
                const int n = T - t < 4 ? int(T - t) : 4;
                if (n == 1) Isa::tile_int8<1>(v, s, blocks, rows.data + t, out);
                if (n == 2) Isa::tile_int8<2>(v, s, blocks, rows.data + t, out);
                if (n == 3) Isa::tile_int8<3>(v, s, blocks, rows.data + t, out);
                if (n == 4) Isa::tile_int8<4>(v, s, blocks, rows.data + t, out);
                for (int i = 0; i < n; i++)
                    for (int r = 0; r < count; r++)
                        y[(t + i) * O + group * 8 + r] = out[i][r] + (bias ? bias[group * 8 + r] : 0);
            }
        }
    }
    return kDone;
}

}  // namespace
