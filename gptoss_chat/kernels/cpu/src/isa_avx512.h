// The inner products in AVX-512 with VNNI; knows nothing of experts, threads or where results go.
//
// One instruction multiplies 64 unsigned by 64 signed bytes and adds each four products to a 32-bit lane: nothing can
// overflow. What makes weights unsigned is taken off again by the sum of a block's activations.
#pragma once
#include "isa_x86.h"

namespace {

struct Isa : X86 {
    static constexpr int kAhead = 2048;    // bytes that weights are asked for before they are used
    static constexpr int kTileTokens = 8;  // 8 sums of 16 rows, 8 of floats, and operands: the 32 registers

    static inline __m512i load64(const void* p) { return _mm512_loadu_si512(p); }
    static inline __m512i all4(const int8_t* p) {  // four bytes in every lane
        int32_t v;
        memcpy(&v, p, sizeof v);
        return _mm512_set1_epi32(v);
    }
    static inline int32_t correction(const SplitRow& x, int b) {  // -12 * the sum of a block
        const int32_t halves = x.halves[b];
        return int16_t(halves) + (halves >> 16);
    }

    // One row of MXFP4 (16 bytes a block, one scale byte a block) times NT rows of activations.
    template <int NT>
    static void dot_mxfp4(const uint8_t* w, const uint8_t* scales, int blocks, const SplitRow* x, float* y) {
        const __m512i table = _mm512_broadcast_i32x4(_mm256_castsi256_si128(nibble_table()));
        const __m512i low = _mm512_set1_epi8(15);
        // Lanes of a pair of blocks: even inputs of both, odd inputs of both.
        const __m512i pair = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1);
        __m512 acc[NT];
        __m256 offset[NT];
        for (int t = 0; t < NT; t++) {
            acc[t] = _mm512_setzero_ps();
            offset[t] = _mm256_setzero_ps();
        }
        const auto eight = [&](int b8, int left, uint64_t scale_bytes) __attribute__((always_inline)) {
            _mm_prefetch(reinterpret_cast<const char*>(w + b8 * 16 + kAhead), _MM_HINT_T0);
            _mm_prefetch(reinterpret_cast<const char*>(w + b8 * 16 + kAhead + 64), _MM_HINT_T0);
            const __m256 weight_scale = _mm256_castsi256_ps(
                _mm256_slli_epi32(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(scale_bytes))), 23));
            __m512 both[NT];
            for (int t = 0; t < NT; t++) {
                const __m256 scale = _mm256_mul_ps(weight_scale, _mm256_loadu_ps(x[t].scale + b8));
                const __m256i halves = load(x[t].halves + b8);
                const __m256i sums = _mm256_add_epi32(_mm256_srai_epi32(_mm256_slli_epi32(halves, 16), 16),
                                                      _mm256_srai_epi32(halves, 16));
                offset[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums), scale, offset[t]);
                both[t] = _mm512_castps256_ps512(scale);
            }
#pragma GCC unroll 4
            for (int j = 0; j < left; j += 2) {
                const int b = b8 + j;
                const __m256i packed =
                    j + 1 < left ? load(w + b * 16)
                                 : _mm256_zextsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w + b * 16)));
                const __m512i nibbles = _mm512_and_si512(
                    low, _mm512_inserti64x4(_mm512_castsi256_si512(packed), _mm256_srli_epi16(packed, 4), 1));
                const __m512i weights = _mm512_shuffle_epi8(table, nibbles);
                const __m512i lanes = _mm512_add_epi32(pair, _mm512_set1_epi32(j));
                for (int t = 0; t < NT; t++) {
                    const __m512i s =
                        _mm512_dpbusd_epi32(_mm512_setzero_si512(), weights, load64(x[t].q + b * kBlock));
                    acc[t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(s), _mm512_permutexvar_ps(lanes, both[t]), acc[t]);
                }
            }
        };
        int b = 0;
        for (; b + 8 <= blocks; b += 8) {
            uint64_t bytes;
            memcpy(&bytes, scales + b, sizeof bytes);
            eight(b, 8, bytes);
        }
        if (b < blocks) {
            uint64_t bytes = 0;
            for (int i = blocks - 1; i >= b; i--) bytes = bytes << 8 | scales[i];
            eight(b, blocks - b, bytes);
        }
        for (int t = 0; t < NT; t++) {
            const __m512 all = _mm512_add_ps(acc[t], _mm512_zextps256_ps512(offset[t]));
            y[t] = _mm512_reduce_add_ps(all);
        }
    }

    // A panel of 16 rows times NT rows of activations.
    template <int NT>
    static void tile_mxfp4(const uint8_t* panel, const float* panel_scale, int blocks, const SplitRow* x,
                           float (*y)[16]) {
        __m512 acc[NT];
        for (int t = 0; t < NT; t++) acc[t] = _mm512_setzero_ps();
        for (int b = 0; b < blocks; b++) {
            __m512i s[NT];
            for (int t = 0; t < NT; t++) s[t] = _mm512_set1_epi32(correction(x[t], b));
            const int base = (b / 2) * 64 + (b % 2) * 16;
#pragma GCC unroll 8
            for (int g = 0; g < 8; g++) {
                const __m512i weights = load64(panel + b * 512 + g * 64);
                for (int t = 0; t < NT; t++)
                    s[t] = _mm512_dpbusd_epi32(s[t], weights, all4(x[t].q + base + g % 4 * 4 + g / 4 * 32));
            }
            const __m512 scale = _mm512_loadu_ps(panel_scale + b * 16);
            for (int t = 0; t < NT; t++)
                acc[t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(s[t]),
                                         _mm512_mul_ps(scale, _mm512_set1_ps(x[t].scale[b])), acc[t]);
        }
        for (int t = 0; t < NT; t++) _mm512_storeu_ps(y[t], acc[t]);
    }

    // Eight rows of int8, [blocks][8 groups of 4 inputs][8 rows][4] with bf16 scales [blocks][8], times NT rows of
    // activations in their natural order. A vector is two groups; weights become unsigned by adding 128.
    template <int NT>
    static void tile_int8(const int8_t* w, const uint16_t* scales, int blocks, const Int8Row* x, float (*y)[8]) {
        const __m512i flip = _mm512_set1_epi8(char(0x80));
        const __m512i groups = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
        __m256 acc[NT];
        for (int t = 0; t < NT; t++) acc[t] = _mm256_setzero_ps();
        for (int b = 0; b < blocks; b++) {
            __m512i s[NT], q[NT];
            for (int t = 0; t < NT; t++) {
                s[t] = _mm512_setzero_si512();
                q[t] = _mm512_castsi256_si512(load(x[t].q + b * kBlock));
            }
#pragma GCC unroll 4
            for (int g = 0; g < 4; g++) {
                const __m512i weights = _mm512_xor_si512(flip, load64(w + b * 256 + g * 64));
                const __m512i lanes = _mm512_add_epi32(groups, _mm512_set1_epi32(2 * g));
                for (int t = 0; t < NT; t++)
                    s[t] = _mm512_dpbusd_epi32(s[t], weights, _mm512_permutexvar_epi32(lanes, q[t]));
            }
            const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(scales + b * 8));
            const __m256 scale = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
            for (int t = 0; t < NT; t++) {
                const __m256i sum = _mm256_add_epi32(_mm512_castsi512_si256(s[t]), _mm512_extracti64x4_epi64(s[t], 1));
                const __m256i total = _mm256_sub_epi32(sum, _mm256_set1_epi32(128 * x[t].sums[b]));
                acc[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(total),
                                         _mm256_mul_ps(scale, _mm256_broadcast_ss(x[t].scale + b)), acc[t]);
            }
        }
        for (int t = 0; t < NT; t++) _mm256_storeu_ps(y[t], acc[t]);
    }
};

}  // namespace
