// The inner products in AVX2; knows nothing of experts, threads or where results go.
//
// A panel's 16-bit sums start at -12 * (the activations that will be added): they wrap around on the way, yet a lane's true
// total is at most 16 * 12 * 127 = 24,384 and fits.
#pragma once
#include "isa_x86.h"

namespace {

struct Isa : X86 {
    static constexpr int kAhead = 2048;    // bytes that weights are asked for before they are used
    static constexpr int kTileTokens = 4;  // 2 x 4 sums of 16 lanes and operands fill the 16 registers

    static inline float sum(__m256 v) {
        __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
        s = _mm_add_ps(s, _mm_movehl_ps(s, s));
        return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
    }
    // Left free to regroup a long sum of integers, the compiler keeps all its parts and spills them.
    static inline void keep_order(__m256i& sum) { asm("" : "+x"(sum)); }

    static inline __m256i all4(const void* p) {  // four bytes in every lane
        int32_t v;
        memcpy(&v, p, sizeof v);
        return _mm256_set1_epi32(v);
    }

    // Blocks of MXFP4 at w, of which `left` (or two) exist, as bytes of 12 + 2 * value: even inputs, then odd ones.
    struct Pair {
        __m256i even, odd;
        Pair(const uint8_t* w, int left) {
            const __m256i low = _mm256_set1_epi8(15);
            __m256i packed = _mm256_setzero_si256();
            if (left >= 2) packed = load(w);
            asm("" : "+x"(packed));  // else it is loaded twice
            if (left == 1) packed = _mm256_zextsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w)));
            even = _mm256_shuffle_epi8(nibble_table(), _mm256_and_si256(packed, low));
            odd = _mm256_shuffle_epi8(nibble_table(), _mm256_and_si256(_mm256_srli_epi16(packed, 4), low));
        }
        inline __m256i product(const int8_t* q) const {  // 16-bit sums of four inputs, at most 4 * 24 * 127
            return _mm256_add_epi16(_mm256_maddubs_epi16(even, load(q)), _mm256_maddubs_epi16(odd, load(q + 32)));
        }
    };

    // Two vectors of 16-bit sums, each of two blocks of 8 (or 4) lanes, as one of four blocks of half as many.
    static inline __m256i halve(__m256i p, __m256i r) {
        return _mm256_add_epi16(
            _mm256_blend_epi32(p, r, 0xCC),
            _mm256_castpd_si256(_mm256_shuffle_pd(_mm256_castsi256_pd(p), _mm256_castsi256_pd(r), 0x5)));
    }
    static inline __m256i quarter(__m256i p, __m256i r) {
        const __m256 a = _mm256_castsi256_ps(p), b = _mm256_castsi256_ps(r);
        return _mm256_add_epi16(_mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88)),
                                _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xDD)));
    }

    // One row of MXFP4 (16 bytes a block, one scale byte a block) times NT rows of activations. What is bound here is the
    // number of instructions: eight blocks meet in one vector before they are widened and scaled, a lane for each. Its 16-bit
    // sums wrap around on the way and are right once the twelves are taken off: at most 16 * 12 * 127.
    template <int NT>
    static void dot_mxfp4(const uint8_t* w, const uint8_t* scales, int blocks, const SplitRow* x, float* y) {
        const __m128i order = _mm_setr_epi8(0, 2, 4, 6, 1, 3, 5, 7, -1, -1, -1, -1, -1, -1, -1, -1);
        __m256 acc[NT];
        for (int t = 0; t < NT; t++) acc[t] = _mm256_setzero_ps();
        const auto eight = [&](int b, int left, __m128i scale_bytes) __attribute__((always_inline)) {
            const __m256 scale = _mm256_castsi256_ps(
                _mm256_slli_epi32(_mm256_cvtepu8_epi32(_mm_shuffle_epi8(scale_bytes, order)), 23));
            _mm_prefetch(reinterpret_cast<const char*>(w + b * 16 + kAhead), _MM_HINT_T0);
            _mm_prefetch(reinterpret_cast<const char*>(w + b * 16 + kAhead + 64), _MM_HINT_T0);
            __m256i low[NT], sums[NT];
            for (int t = 0; t < NT; t++) low[t] = sums[t] = _mm256_setzero_si256();
#pragma GCC unroll 2
            for (int j = 0; j < left; j += 4) {
                const Pair first(w + (b + j) * 16, left - j), second(w + (b + j + 2) * 16, left - j - 2);
                for (int t = 0; t < NT; t++) {
                    const int8_t* q = x[t].q + (b + j) * kBlock;
                    (j == 0 ? low : sums)[t] = halve(first.product(q), second.product(q + 64));
                }
            }
            for (int t = 0; t < NT; t++) {
                const __m256i all = _mm256_add_epi16(quarter(low[t], sums[t]), load(x[t].lane_halves + b));
                acc[t] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_madd_epi16(all, _mm256_set1_epi16(1))),
                                         _mm256_mul_ps(scale, _mm256_loadu_ps(x[t].lane_scale + b)), acc[t]);
            }
        };
        int b = 0;
        for (; b + 8 <= blocks; b += 8) eight(b, 8, _mm_loadl_epi64(reinterpret_cast<const __m128i*>(scales + b)));
        if (b < blocks) {
            uint64_t bytes = 0;
            for (int i = blocks - 1; i >= b; i--) bytes = bytes << 8 | scales[i];
            eight(b, blocks - b, _mm_cvtsi64_si128(static_cast<long long>(bytes)));
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
                    keep_order(s[t][0]);
                    keep_order(s[t][1]);
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
            for (int line = 0; line < 4; line++)
                _mm_prefetch(reinterpret_cast<const char*>(w + b * 256 + kAhead + line * 64), _MM_HINT_T0);
#pragma GCC unroll 8
            for (int g = 0; g < 8; g++) {
                const __m256i weights = load(w + b * 256 + g * 32);
                for (int t = 0; t < NT; t++) {
                    const __m256i q = all4(x[t].q + b * kBlock + g * 4);
                    const __m256i magnitudes = all4(x[t].magnitudes + b * kBlock + g * 4);
                    const __m256i pairs = _mm256_maddubs_epi16(magnitudes, _mm256_sign_epi8(weights, q));
                    s[t] = _mm256_add_epi32(s[t], _mm256_madd_epi16(pairs, ones));
                    keep_order(s[t]);
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
