// The inner products in AVX2; knows nothing of experts, threads or where results go.
//
// 16-bit sums start at -12 * (the activations that will be added): they wrap around on the way, yet a lane's true total is
// at most 16 * 12 * 127 = 24,384 and fits.
#pragma once
#include "isa_x86.h"

namespace {

struct Isa : X86 {
    static constexpr int kTileTokens = 3;  // 2 x 3 sums of 16 lanes, 2 x 3 of floats, and operands: the 16 registers

    static inline float sum(__m256 v) {
        __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
        s = _mm_add_ps(s, _mm_movehl_ps(s, s));
        return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
    }
    static inline __m256i all4(const int8_t* p) {  // four bytes in every lane
        int32_t v;
        memcpy(&v, p, sizeof v);
        return _mm256_set1_epi32(v);
    }

    // One row of MXFP4 (16 bytes a block, one scale byte a block) times NT rows of activations.
    template <int NT>
    static void dot_mxfp4(const uint8_t* w, const uint8_t* scales, int blocks, const SplitRow* x, float* y) {
        const __m256i table = nibble_table(), low = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
        __m256 acc[NT];
        for (int t = 0; t < NT; t++) acc[t] = _mm256_setzero_ps();
        for (int b8 = 0; b8 < blocks; b8 += 8) {
            const int left = blocks - b8 < 8 ? blocks - b8 : 8;
            uint64_t bytes = 0;
            memcpy(&bytes, scales + b8, left < 8 ? left : 8);
            const __m256 weight_scale = _mm256_castsi256_ps(
                _mm256_slli_epi32(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(bytes))), 23));
            alignas(32) float both[NT][8];
            for (int t = 0; t < NT; t++)
                _mm256_store_ps(both[t], _mm256_mul_ps(weight_scale, _mm256_loadu_ps(x[t].scale + b8)));
            for (int j = 0; j < left; j += 2) {
                const int b = b8 + j;
                const __m256i packed =
                    j + 1 < left ? load(w + b * 16)
                                 : _mm256_zextsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w + b * 16)));
                const __m256i even = _mm256_shuffle_epi8(table, _mm256_and_si256(packed, low));
                const __m256i odd = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(packed, 4), low));
                for (int t = 0; t < NT; t++) {
                    const int8_t* q = x[t].q + b * kBlock;
                    __m256i s = _mm256_add_epi16(load(x[t].lanes + b * 8), _mm256_maddubs_epi16(even, load(q)));
                    s = _mm256_madd_epi16(_mm256_add_epi16(s, _mm256_maddubs_epi16(odd, load(q + 32))), ones);
                    const __m256 scale =
                        _mm256_set_m128(_mm_broadcast_ss(both[t] + j + 1), _mm_broadcast_ss(both[t] + j));
                    acc[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(s), scale, acc[t]);
                }
            }
        }
        for (int t = 0; t < NT; t++) y[t] = sum(acc[t]);
    }

    // A panel of 16 rows times NT rows of activations.
    template <int NT>
    static void tile_mxfp4(const uint8_t* panel, const float* panel_scale, int blocks, const SplitRow* x,
                           float (*y)[16]) {
        const __m256i ones = _mm256_set1_epi16(1);
        __m256 acc[NT][2];
        for (int t = 0; t < NT; t++) acc[t][0] = acc[t][1] = _mm256_setzero_ps();
        for (int b = 0; b < blocks; b++) {
            __m256i s[NT][2];
            for (int t = 0; t < NT; t++) s[t][0] = s[t][1] = _mm256_set1_epi32(x[t].halves[b]);
            const int base = (b / 2) * 64 + (b % 2) * 16;
#pragma GCC unroll 8
            for (int g = 0; g < 8; g++) {
                const __m256i w0 = load(panel + b * 512 + g * 64), w1 = load(panel + b * 512 + g * 64 + 32);
                for (int t = 0; t < NT; t++) {
                    const __m256i q = all4(x[t].q + base + g % 4 * 4 + g / 4 * 32);
                    s[t][0] = _mm256_add_epi16(s[t][0], _mm256_maddubs_epi16(w0, q));
                    s[t][1] = _mm256_add_epi16(s[t][1], _mm256_maddubs_epi16(w1, q));
                }
            }
            const __m256 scale0 = _mm256_loadu_ps(panel_scale + b * 16);
            const __m256 scale1 = _mm256_loadu_ps(panel_scale + b * 16 + 8);
            for (int t = 0; t < NT; t++) {
                const __m256 x_scale = _mm256_broadcast_ss(x[t].scale + b);
                acc[t][0] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_madd_epi16(s[t][0], ones)),
                                            _mm256_mul_ps(scale0, x_scale), acc[t][0]);
                acc[t][1] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_madd_epi16(s[t][1], ones)),
                                            _mm256_mul_ps(scale1, x_scale), acc[t][1]);
            }
        }
        for (int t = 0; t < NT; t++) {
            _mm256_storeu_ps(y[t], acc[t][0]);
            _mm256_storeu_ps(y[t] + 8, acc[t][1]);
        }
    }

    // Eight rows of int8, [blocks][8 groups of 4 inputs][8 rows][4] with bf16 scales [blocks][8], times NT rows of
    // activations in their natural order. Signs move to the weights, so that |activation| x weight is unsigned x signed;
    // a pair is at most 2 * 127 * 127 = 32,258.
    template <int NT>
    static void tile_int8(const int8_t* w, const uint16_t* scales, int blocks, const Int8Row* x, float (*y)[8]) {
        const __m256i ones = _mm256_set1_epi16(1);
        __m256 acc[NT];
        for (int t = 0; t < NT; t++) acc[t] = _mm256_setzero_ps();
        for (int b = 0; b < blocks; b++) {
            __m256i s[NT];
            for (int t = 0; t < NT; t++) s[t] = _mm256_setzero_si256();
#pragma GCC unroll 8
            for (int g = 0; g < 8; g++) {
                const __m256i weights = load(w + b * 256 + g * 32);
                for (int t = 0; t < NT; t++) {
                    const __m256i q = all4(x[t].q + b * kBlock + g * 4);
                    const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(q), _mm256_sign_epi8(weights, q));
                    s[t] = _mm256_add_epi32(s[t], _mm256_madd_epi16(pairs, ones));
                }
            }
            const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(scales + b * 8));
            const __m256 scale = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
            for (int t = 0; t < NT; t++)
                acc[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(s[t]), _mm256_mul_ps(scale, _mm256_broadcast_ss(x[t].scale + b)),
                                         acc[t]);
        }
        for (int t = 0; t < NT; t++) _mm256_storeu_ps(y[t], acc[t]);
    }
};

}  // namespace
