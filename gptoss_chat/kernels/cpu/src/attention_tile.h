// A tile of query rows and what it does with the keys of a page, in float; knows nothing of pages, threads or cache types.
//
// The rows lie across the lanes of W vectors (W = 1 for the few rows of a decode step, else 2): a key or value is one broadcast
// number, the softmax runs online in every lane (arXiv:1805.02867) and nothing is ever summed across lanes.
#pragma once
#include "vec.h"

namespace {

struct AttentionArguments {
    const float* q;  // token t's rows begin at q + t * q_stride, heads are contiguous
    int64_t q_stride;
    const void *k_pages, *v_pages;  // [P, S, G, C]
    const int32_t* page_table;
    const float* sinks;
    float* y;  // [T, H, C]
    int64_t T, H, G, C, S, P, start, window;
};

constexpr int kSlots = 128;      // of the largest page
constexpr float kNone = -1e30f;  // below every score: the maximum of no keys

// The softmax and the weighted values so far of one tile.
template <int W>
struct TileState {
    v8 most[W], total[W];
    v8* out;  // [C][W]
};

// Rows first .. first + rows of the T * M query rows of one key-value head.
template <int W>
struct Tile {
    static constexpr int kRows = 8 * W;
    int rows;
    int32_t token[kRows], query_head[kRows];         // of each lane; spare lanes repeat the last row
    v8i begin[W], end[W];                            // the keys that each lane sees
    int64_t any_begin, any_end, all_begin, all_end;  // seen by some lane, by every lane

    Tile() {}
    Tile(const AttentionArguments& a, int64_t head, int64_t index) {
        const int32_t M = int32_t(a.H / a.G), first = int32_t(index * kRows), left = int32_t(a.T) * M - first;
        rows = left < kRows ? left : kRows;
        any_begin = all_end = INT32_MAX;
        any_end = all_begin = 0;
        for (int lane = 0; lane < kRows; lane++) {
            const int32_t row = first + (lane < rows ? lane : rows - 1);
            token[lane] = row / M;
            query_head[lane] = int32_t(head) * M + row % M;
            const int64_t position = a.start + token[lane];
            const int64_t from = a.window && position >= a.window ? position - a.window + 1 : 0, to = position + 1;
            begin[lane / 8][lane % 8] = int32_t(from);
            end[lane / 8][lane % 8] = int32_t(to);
            any_begin = from < any_begin ? from : any_begin;
            all_begin = from > all_begin ? from : all_begin;
            any_end = to > any_end ? to : any_end;
            all_end = to < all_end ? to : all_end;
        }
    }
};

// Eight sums at a time hide the latency of a multiply-add: of N = 8 / W keys, or of N columns of the values.
template <int W>
constexpr int kSums = 8 / W;

// Scores of keys j .. j + N.
template <int W, int N = kSums<W>>
GPTOSS_INLINE void score_keys(const v8* q, const float* k, int C, v8 (*score)[W]) {
    v8 s[N][W];
#pragma GCC unroll 8
    for (int i = 0; i < N * W; i++) s[i / W][i % W] = all8(0);
    for (int c = 0; c < C; c++)
#pragma GCC unroll 8
        for (int i = 0; i < N; i++) {
            const v8 key = all8(k[i * C + c]);
#pragma GCC unroll 2
            for (int g = 0; g < W; g++) s[i][g] += q[c * W + g] * key;
        }
#pragma GCC unroll 8
    for (int i = 0; i < N * W; i++) score[i / W][i % W] = s[i / W][i % W];
}

// Columns c .. c + N of the weighted values. With `Masked` a lane stays clean of keys that it does not see even where their
// values are NaN or infinite; without it their share of 0 does.
template <bool Masked, int W, int N>
GPTOSS_INLINE void add_values(const v8 (*share)[W], const v8i (*seen)[W], const v8* shrink, const float* v, int C, int n,
                              v8* out) {
    v8 sum[N][W];
#pragma GCC unroll 8
    for (int i = 0; i < N * W; i++) sum[i / W][i % W] = out[i] * shrink[i % W];
    for (int j = 0; j < n; j++)
#pragma GCC unroll 8
        for (int i = 0; i < N; i++) {
            const v8 value = all8(v[j * C + i]);
#pragma GCC unroll 2
            for (int g = 0; g < W; g++) {
                if constexpr (Masked)
                    sum[i][g] += share[j][g] * (v8)((v8i)value & seen[j][g]);
                else
                    sum[i][g] += share[j][g] * value;
            }
        }
#pragma GCC unroll 8
    for (int i = 0; i < N * W; i++) out[i] = sum[i / W][i % W];
}

template <bool Masked, int W>
GPTOSS_INLINE void add_all_values(const v8 (*share)[W], const v8i (*seen)[W], const v8* shrink, const float* v, int C,
                                  int n, v8* out) {
    constexpr int N = kSums<W>;
    int c = 0;
    for (; c + N <= C; c += N) add_values<Masked, W, N>(share, seen, shrink, v + c, C, n, out + c * W);
    for (; c < C; c++) add_values<Masked, W, 1>(share, seen, shrink, v + c, C, n, out + c * W);
}

// count is a multiple of 8
GPTOSS_INLINE bool all_finite(const float* x, int count) {
    v8 poison = all8(0);
    for (int i = 0; i < count; i += 8) poison += load8(x + i) * 0.0f;
    return sum8(poison) == 0;
}

// Keys [from, to) of one page, as float in k and v [to - from, rounded up to 8][C]. Masked where the tile does not see all
// of these rows: then what it does not see may be anything.
template <bool Masked, int W>
void attend_keys(const Tile<W>& tile, const v8* q, const float* k, const float* v, int C, int64_t from, int64_t to,
                 TileState<W>& state) {
    const int n = int(to - from + 7) / 8 * 8;
    constexpr int N = kSums<W>;
    v8 score[kSlots][W], shrink[W];
    v8i seen[Masked ? kSlots : 1][W];
    for (int j = 0; j < n; j += N) score_keys<W>(q, k + j * C, C, score + j);
    if constexpr (Masked)
        for (int j = 0; j < n; j++)
            for (int g = 0; g < W; g++) {
                const int32_t position = int32_t(from + j);
                seen[j][g] = (tile.begin[g] <= position) & (tile.end[g] > (position < to ? position : INT32_MAX));
                score[j][g] = seen[j][g] ? score[j][g] : all8(-__builtin_inff());
            }
    for (int g = 0; g < W; g++) {
        v8 most = state.most[g];
        for (int j = 0; j < n; j++) most = score[j][g] > most ? score[j][g] : most;
        shrink[g] = exp8(state.most[g] - most);
        v8 total = state.total[g] * shrink[g];
        for (int j = 0; j < n; j++) {
            score[j][g] = exp8(score[j][g] - most);
            total += score[j][g];
        }
        state.most[g] = most;
        state.total[g] = total;
    }
    if (Masked && !all_finite(v, n * C))
        add_all_values<Masked, W>(score, seen, shrink, v, C, n, state.out);
    else
        add_all_values<false, W>(score, seen, shrink, v, C, n, state.out);
}

}  // namespace
