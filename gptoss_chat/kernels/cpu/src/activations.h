// Activations rounded to int8 in blocks of 32, scale = the block's largest magnitude / 127; knows nothing of weights.
//
// A block that holds a NaN or an infinity gets the scale NaN: whatever is computed from it is NaN, and nothing else is.
#pragma once
#include "vec.h"

namespace {

constexpr int kBlock = 32;
constexpr int kScalePad = 8;  // the MXFP4 kernels read scales eight at a time

// The largest magnitude of 32 floats; NaN when one of them is NaN or infinite.
GPTOSS_INLINE float peak_of_block(const float* x) {
    v8 peak = all8(0), poison = all8(0);
    for (int i = 0; i < kBlock; i += 8) {
        const v8 v = load8(x + i), magnitude = v < 0 ? -v : v;
        peak = magnitude > peak ? magnitude : peak;
        poison += v * 0.0f;  // NaN where v is NaN or infinite
    }
    float largest = 0;
    for (int i = 0; i < 8; i++) largest = peak[i] > largest ? peak[i] : largest;
    return largest + sum8(poison);
}

// 32 floats times `inverse`, to the nearest integer, ties to even; at most 127 in magnitude.
GPTOSS_INLINE void round_block(const float* x, float inverse, int8_t* q) {
    const v8 magic = all8(12582912.0f);  // 1.5 * 2^23: the integer is left in the low bits
    for (int i = 0; i < kBlock; i += 8) {
        const v8i whole = (v8i)(load8(x + i) * inverse + magic) - (v8i)magic;
        for (int j = 0; j < 8; j++) q[i + j] = int8_t(whole[j]);
    }
}

// Rounds 32 floats to int8 and returns the scale.
GPTOSS_INLINE float quantise_block(const float* x, int8_t* q) {
    const float peak = peak_of_block(x);
    if (!(peak >= 1e-35f)) {  // NaN, or so small that 127 / peak would leave the floats
        memset(q, 0, kBlock);
        return peak < 1e-35f ? 0 : peak;
    }
    round_block(x, 127.0f / peak, q);
    return peak / 127.0f;
}

// A row of activations as int8 weights want it: in its natural order.
struct Int8Row {
    const int8_t *q, *magnitudes;  // [blocks][32]
    const float* scale;            // [blocks]
    const int32_t* sums;           // [blocks]: of the block's q
};

// Rows of activations as MXFP4 weights want them. Low nibbles of a block hold its even inputs and high nibbles its odd
// ones; two blocks share a 64-byte group: even inputs of both, then odd inputs of both.
struct SplitRow {
    const int8_t* q;        // [pairs of blocks][even of 0, even of 1, odd of 0, odd of 1][16]
    const float* scale;     // [blocks, padded with zeros], half of the true one: weights are kept doubled
    const int32_t* halves;  // [blocks]: -12 * the inputs that land in the two 16-bit halves of a group of 4 inputs
    const float* lane_scale;     // the same two, every eight blocks in the order 0 2 4 6 1 3 5 7
    const int32_t* lane_halves;
};

struct SplitActivations {
    int blocks, padded;  // blocks of a row; the same rounded up for scales and pairs
    int8_t* q;
    float *scale, *lane_scale;
    int32_t *halves, *lane_halves;
    Scratch<int8_t> memory;

    SplitActivations(size_t rows, int inputs)
        : blocks(inputs / kBlock), padded((blocks + kScalePad - 1) / kScalePad * kScalePad),
          memory(rows * padded * (kBlock + 2 * sizeof(float) + 2 * sizeof(int32_t))) {
        q = memory.data;
        scale = reinterpret_cast<float*>(q + rows * padded * kBlock);
        lane_scale = scale + rows * padded;
        halves = reinterpret_cast<int32_t*>(lane_scale + rows * padded);
        lane_halves = halves + rows * padded;
    }
    bool ok() const { return memory.data != nullptr; }
    SplitRow row(size_t r) const {
        return {q + r * padded * kBlock, scale + r * padded, halves + r * padded, lane_scale + r * padded,
                lane_halves + r * padded};
    }

    void put_block(size_t r, int b, const float* x) {
        int8_t rounded[kBlock];
        const float s = 0.5f * quantise_block(x, rounded);
        int8_t* even = q + r * padded * kBlock + (b / 2) * 64 + (b % 2) * 16;
        int8_t* odd = even + 32;
        int sums[2] = {0, 0};
        for (int i = 0; i < 16; i++) {
            even[i] = rounded[2 * i];
            odd[i] = rounded[2 * i + 1];
            sums[i / 2 % 2] += rounded[2 * i] + rounded[2 * i + 1];
        }
        const uint16_t half[2] = {uint16_t(-12 * sums[0]), uint16_t(-12 * sums[1])};
        const size_t at = r * padded + b, lane = r * padded + b / 8 * 8 + b % 2 * 4 + b % 8 / 2;
        memcpy(halves + at, half, sizeof half);
        memcpy(lane_halves + lane, half, sizeof half);
        scale[at] = lane_scale[lane] = s;
    }
    // Zeroes what lies between the last block and the padding; call once for a row.
    void finish_row(size_t r) {
        for (int b = blocks; b < padded; b++) {
            const float zeros[kBlock] = {};
            put_block(r, b, zeros);
        }
    }
    void put_row(size_t r, const float* x) {
        for (int b = 0; b < blocks; b++) put_block(r, b, x + b * kBlock);
        finish_row(r);
    }
};

}  // namespace
