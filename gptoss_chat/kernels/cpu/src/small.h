// What stands between the products of a step: the norm, the rotation into the cache, the router's choice. Knows no products.
//
// T tokens, D model, H query heads, G key-value heads, C head size, S slots a page, P pages, E experts, K of them chosen.
#pragma once
#include "vec.h"

namespace {

// A number read and written, with what is computed of it, in multiply-adds.
constexpr int64_t kTouch = 8;

// y = x / sqrt(mean(x * x) + eps) * scale, of [T, D]; delta, where there is one, is added to x first, in place.
int rms_norm(float* x, const float* delta, const float* scale, float* y, int64_t T, int64_t D, float eps, int threads) {
    threads = team(kTouch * T * D, threads);
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int64_t t = 0; t < T; t++) {
        float *x_D = x + t * D, *y_D = y + t * D;
        v8 even = all8(0), odd = all8(0);
        int64_t d = 0;
        if (delta)
            for (const float* delta_D = delta + t * D; d < D; d++) x_D[d] += delta_D[d];
        for (d = 0; d + 16 <= D; d += 16) {
            const v8 a = load8(x_D + d), b = load8(x_D + d + 8);
            even += a * a;
            odd += b * b;
        }
        float sum = sum8(even + odd);
        for (; d < D; d++) sum += x_D[d] * x_D[d];
        const float inverse = 1.0f / __builtin_sqrtf(sum / float(D) + eps);
        for (d = 0; d < D; d++) y_D[d] = x_D[d] * inverse * scale[d];
    }
    return kDone;
}

GPTOSS_INLINE void put_float(float* to, float x) { *to = x; }
GPTOSS_INLINE void put_float(uint16_t* bf16, float x) {  // to the nearest, ties to even
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    *bf16 = x == x ? uint16_t((bits + 0x7FFF + (bits >> 16 & 1)) >> 16) : uint16_t(0x7FC0);
}

// The pairs (i, i + C / 2) of a head, turned by the angles whose cosines and sines `rope` holds.
template <class To>
GPTOSS_INLINE void rotate_head(const float* __restrict x, const float* __restrict rope, To* __restrict to, int64_t C) {
    const int64_t Z = C / 2;
    const float *cos_Z = rope, *sin_Z = rope + Z;
    for (int64_t i = 0; i < Z; i++) {
        put_float(to + i, x[i] * cos_Z[i] - x[i + Z] * sin_Z[i]);
        put_float(to + i + Z, x[i + Z] * cos_Z[i] + x[i] * sin_Z[i]);
    }
}

// Rotates the queries of qkv [T, (H + 2G) * C] into q [T, H, C] and its keys into their pages [P, S, G, C]; copies the values.
template <class KV>
int rope_store(const float* qkv, const float* rope, const int32_t* page_table, KV* k_pages, KV* v_pages, float* q,
               int64_t T, int64_t H, int64_t G, int64_t C, int64_t S, int64_t P, int64_t start, int threads) {
    for (int64_t page = start / S; page * S < start + T; page++)
        if (page_table[page] < 0 || page_table[page] >= P) return kBadIndex;
    threads = team(kTouch * T * (H + 2 * G) * C, threads);
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int64_t t = 0; t < T; t++) {
        const float *head = qkv + t * (H + 2 * G) * C, *rope_C = rope + t * C;
        const int64_t at = (page_table[(start + t) / S] * S + (start + t) % S) * G * C;
        for (int64_t h = 0; h < H; h++, head += C) rotate_head(head, rope_C, q + (t * H + h) * C, C);
        for (int64_t g = 0; g < G; g++, head += C) rotate_head(head, rope_C, k_pages + at + g * C, C);
        for (int64_t i = 0; i < G * C; i++) put_float(v_pages + at + i, head[i]);
    }
    return kDone;
}

// The K highest scores of each row of [T, E], the highest first and NaN above all, their softmax, and the entropy in bits of
// the softmax over all E.
int route(const float* scores, int64_t* ids, float* weights, float* entropy, int64_t T, int64_t E, int64_t K) {
    if (K < 1 || K > E) return kBadIndex;
    for (int64_t t = 0; t < T; t++, scores += E, ids += K, weights += K) {
        int64_t found = 0;
        for (int64_t e = 0; e < E; e++) {
            const float score = scores[e];
            int64_t place = found;
            for (; place > 0; place--) {
                const float other = scores[ids[place - 1]];
                if (!(score > other || (score != score && other == other))) break;
                if (place < K) ids[place] = ids[place - 1];
            }
            if (place < K) ids[place] = e;
            found += found < K;
        }
        const float most = scores[ids[0]], none = -__builtin_inff();
        v8 total = all8(0), weighted = all8(0);
        for (int64_t e = 0; e < E; e += 8) {
            v8 below = all8(none);
            for (int64_t i = 0; i < 8 && e + i < E; i++) below[i] = scores[e + i] - most;
            const v8 share = exp8(below);
            total += share;
            weighted += share * (below < -87.3f ? all8(0) : below);  // 0 times -inf would be no number
        }
        const float sum = sum8(total);
        entropy[t] = (__builtin_logf(sum) - sum8(weighted) / sum) * 1.44269504088896341f;
        float chosen = 0;
        for (int64_t k = 0; k < K; k++) chosen += weights[k] = exp8(all8(scores[ids[k]] - most))[0];
        for (int64_t k = 0; k < K; k++) weights[k] /= chosen;
    }
    return kDone;
}

}  // namespace
