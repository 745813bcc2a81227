// What the x86 instruction sets share: the weights of MXFP4 as bytes, and panels of them; knows nothing of products.
//
// A nibble becomes the byte 12 + 2 * value (0 to 24), so that unsigned x signed multiplication takes it; products start at
// -12 * (the activations that will be added), which cancels the 12 exactly.
#pragma once
#include <immintrin.h>

#include "activations.h"

namespace {

struct X86 {
    static constexpr int kPanelRows = 16;

    static inline __m256i nibble_table() {
        return _mm256_broadcastsi128_si256(
            _mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0));
    }
    static inline __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

    // 16 rows of MXFP4 as a panel: [blocks][8 groups of 4 inputs][16 rows][4] bytes and scales [blocks][16]. Groups
    // 0-3 are the even inputs of a block, 4-7 the odd ones, as in SplitRow.
    static void unpack_mxfp4(const uint8_t* w, const uint8_t* scales, int blocks, uint8_t* panel, float* panel_scale) {
        const __m256i table = nibble_table(), low = _mm256_set1_epi8(15);
        const size_t stride = size_t(blocks) * 16;
        for (int b = 0; b < blocks; b++) {
            for (int half = 0; half < 2; half++) {
                const uint8_t* row = w + half * 8 * stride + b * 16;
                const auto rows = [&](int r) {  // rows r and r + 4 of the eight
                    return _mm256_inserti128_si256(
                        _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row + r * stride))),
                        _mm_loadu_si128(reinterpret_cast<const __m128i*>(row + (r + 4) * stride)), 1);
                };
                const __m256i z0 = rows(0), z1 = rows(1), z2 = rows(2), z3 = rows(3);
                const __m256i a = _mm256_unpacklo_epi32(z0, z1), c = _mm256_unpackhi_epi32(z0, z1);
                const __m256i d = _mm256_unpacklo_epi32(z2, z3), e = _mm256_unpackhi_epi32(z2, z3);
                const __m256i group[4] = {_mm256_unpacklo_epi64(a, d), _mm256_unpackhi_epi64(a, d),
                                          _mm256_unpacklo_epi64(c, e), _mm256_unpackhi_epi64(c, e)};
                uint8_t* out = panel + b * 512 + half * 32;
                for (int g = 0; g < 4; g++) {
                    const __m256i even = _mm256_and_si256(group[g], low);
                    const __m256i odd = _mm256_and_si256(_mm256_srli_epi16(group[g], 4), low);
                    _mm256_store_si256(reinterpret_cast<__m256i*>(out + g * 64), _mm256_shuffle_epi8(table, even));
                    _mm256_store_si256(reinterpret_cast<__m256i*>(out + 256 + g * 64), _mm256_shuffle_epi8(table, odd));
                }
            }
            for (int r = 0; r < 16; r++) panel_scale[b * 16 + r] = e8m0(scales[size_t(r) * blocks + b]);
        }
    }
};

}  // namespace
