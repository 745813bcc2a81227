// Causal grouped-query attention with sinks over paged keys and values; knows nothing of instruction sets.
//
// T queries, H heads, G key-value heads, M = H / G, C head size, S slots a page. For one key-value head the T * M query
// rows are cut into tiles that lie across the lanes of W vectors (W = 1 for the few rows of a decode step, else 2): a key
// or value is one broadcast number, the softmax runs online in every lane (arXiv:1805.02867) and nothing is ever summed
// across lanes. The sink starts the softmax.
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

constexpr int kSlots = 128;  // of the largest page
constexpr float kNone = -1e30f;                                // below every score: the maximum of no keys

// The softmax and the weighted values so far of one tile.
template <int W>
struct TileState {
    v8 most[W], total[W];
    v8* out;  // [C][W]
};

template <int W>
struct Tile {
    static constexpr int kRows = 8 * W;
    const AttentionArguments& a;
    int64_t head, first, rows;          // key-value head, first of its query rows, how many of them
    v8i begin[W], end[W];               // the keys that each lane sees
    int64_t any_begin, any_end, all_begin, all_end;  // seen by some lane, by every lane

    Tile(const AttentionArguments& arguments, int64_t head, int64_t index) : a(arguments), head(head) {
        const int64_t M = a.H / a.G;
        first = index * kRows;
        rows = a.T * M - first < kRows ? a.T * M - first : kRows;
        any_begin = all_end = INT32_MAX;
        any_end = all_begin = 0;
        for (int lane = 0; lane < kRows; lane++) {
            const int64_t position = a.start + token(lane);
            const int64_t from = a.window && position >= a.window ? position - a.window + 1 : 0, to = position + 1;
            begin[lane / 8][lane % 8] = int32_t(from);
            end[lane / 8][lane % 8] = int32_t(to);
            any_begin = from < any_begin ? from : any_begin;
            all_begin = from > all_begin ? from : all_begin;
            any_end = to > any_end ? to : any_end;
            all_end = to < all_end ? to : all_end;
        }
    }
    int64_t row(int lane) const { return first + (lane < rows ? lane : rows - 1); }  // spare lanes repeat the last row
    int64_t token(int lane) const { return row(lane) / (a.H / a.G); }
    int64_t query_head(int lane) const { return head * (a.H / a.G) + row(lane) % (a.H / a.G); }
};

// Columns c .. c + N of the weighted values.
template <bool Masked, int W, int N>
GPTOSS_INLINE void add_values(const v8 (*share)[W], const v8i (*seen)[W], const v8* shrink, const float* v,
                              int C, int c, int n, TileState<W>& state) {
    v8 out[N][W];
    for (int i = 0; i < N; i++)
        for (int g = 0; g < W; g++) out[i][g] = state.out[(c + i) * W + g] * shrink[g];
    for (int j = 0; j < n; j++)
        for (int i = 0; i < N; i++)
            for (int g = 0; g < W; g++) {
                const v8 part = share[j][g] * all8(v[j * C + c + i]);
                // A lane that does not see this key stays clean of it even where the value is NaN.
                if constexpr (Masked)
                    out[i][g] += (v8)((v8i)part & seen[j][g]);
                else
                    out[i][g] += part;
            }
    for (int i = 0; i < N; i++)
        for (int g = 0; g < W; g++) state.out[(c + i) * W + g] = out[i][g];
}

// Keys [from, to) of one page, as float in k and v [n][C], padded with zeros to n, a multiple of 8.
template <bool Masked, int W>
void attend_keys(const Tile<W>& tile, const v8* q, const float* k, const float* v, int64_t from, int64_t to,
                 TileState<W>& state) {
    const int C = int(tile.a.C), n = int(to - from + 7) / 8 * 8;
    v8 score[kSlots][W];
    v8i seen[kSlots][W];  // unused, and no cost, when not masked
    constexpr int N = 8 / W;  // keys, then values, at a time: eight sums hide the latency of a multiply-add
    for (int j = 0; j < n; j += N) {
        v8 s[N][W] = {};
        for (int c = 0; c < C; c++)
            for (int i = 0; i < N; i++)
                for (int g = 0; g < W; g++) s[i][g] += q[c * W + g] * all8(k[(j + i) * C + c]);
        for (int i = 0; i < N; i++)
            for (int g = 0; g < W; g++) {
                if (Masked) {
                    const int32_t position = int32_t(from + j + i);
                    seen[j + i][g] = (tile.begin[g] <= position) & (tile.end[g] > (position < to ? position : INT32_MAX));
                    s[i][g] = seen[j + i][g] ? s[i][g] : all8(-__builtin_inff());
                }
                score[j + i][g] = s[i][g];
            }
    }
    v8 shrink[W];
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
    int c = 0;
    for (; c + N <= C; c += N) add_values<Masked, W, N>(score, seen, shrink, v, C, c, n, state);
    for (; c < C; c++) add_values<Masked, W, 1>(score, seen, shrink, v, C, c, n, state);
}

template <class KV>
GPTOSS_INLINE void copy_floats(const KV* from, float* to, int64_t count) {
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) store8(to + i, load8(from + i));
    for (; i < count; i++) to[i] = to_float(from[i]);
}

// All of a tile's keys in [from, to), with or without the sink.
template <class KV, int W>
void attend(const Tile<W>& tile, const v8* q, int64_t from, int64_t to, bool sink, float* k, float* v, TileState<W>& state) {
    const AttentionArguments& a = tile.a;
    for (int lane = 0; lane < Tile<W>::kRows; lane++) {
        const float logit = a.sinks[tile.query_head(lane)];
        state.most[lane / 8][lane % 8] = sink && !(logit < kNone) ? logit : kNone;
    }
    for (int g = 0; g < W; g++) state.total[g] = sink ? exp8(state.most[g] - state.most[g]) : all8(0);
    memset(state.out, 0, a.C * W * sizeof(v8));
    while (from < to) {
        const int64_t page_end = (from / a.S + 1) * a.S, stop = page_end < to ? page_end : to;
        const int n = int(stop - from), padded = (n + 7) / 8 * 8;
        const int64_t at = ((a.page_table[from / a.S] * a.S + from % a.S) * a.G + tile.head) * a.C;
        const KV* keys = static_cast<const KV*>(a.k_pages) + at;
        const KV* values = static_cast<const KV*>(a.v_pages) + at;
        for (int j = 0; j < n; j++) {
            copy_floats(keys + j * a.G * a.C, k + j * a.C, a.C);
            copy_floats(values + j * a.G * a.C, v + j * a.C, a.C);
        }
        memset(k + n * a.C, 0, (padded - n) * a.C * sizeof(float));
        memset(v + n * a.C, 0, (padded - n) * a.C * sizeof(float));
        if (tile.all_begin <= from && stop <= tile.all_end && n == padded)
            attend_keys<false, W>(tile, q, k, v, from, stop, state);
        else
            attend_keys<true, W>(tile, q, k, v, from, stop, state);
        from = stop;
    }
}

// A long context of few queries is cut into `parts` of keys, so that every thread has work; `partial` holds their
// states until they are merged.
template <class KV, int W>
int attention(const AttentionArguments& a, int threads) {
    const int64_t tiles = (a.T * (a.H / a.G) + Tile<W>::kRows - 1) / Tile<W>::kRows, last = a.start + a.T;
    if (a.S > kSlots || a.S % 8) return kBadIndex;
    const int64_t oldest = a.window && a.start >= a.window ? a.start - a.window + 1 : 0;
    for (int64_t page = oldest / a.S; page * a.S < last; page++)
        if (a.page_table[page] < 0 || a.page_table[page] >= a.P) return kBadIndex;
    const int64_t wanted = (2 * threads + tiles * a.G - 1) / (tiles * a.G), useful = (last - oldest) / 256 + 1;
    const int64_t parts = tiles * a.G >= threads ? 1 : (wanted < useful ? wanted : useful);
    const int64_t state_size = (a.C + 2) * W;  // v8 of one part: most, total, out
    Scratch<v8> partial(parts > 1 ? tiles * a.G * parts * state_size : 0);
    if (!partial.data) return kNoMemory;
    int status = kDone;

    const auto write = [&](const Tile<W>& tile, const TileState<W>& state) {
        for (int lane = 0; lane < tile.rows; lane++) {
            float* y = a.y + (tile.token(lane) * a.H + tile.query_head(lane)) * a.C;
            const float inverse = 1.0f / state.total[lane / 8][lane % 8];
            for (int c = 0; c < a.C; c++) y[c] = state.out[c * W + lane / 8][lane % 8] * inverse;
        }
    };
#pragma omp parallel num_threads(threads)
    {
        Scratch<float> k(kSlots * a.C), v(kSlots * a.C);
        Scratch<v8> q(a.C * W), out(a.C * W);
        const bool able = k.data && v.data && q.data && out.data;
        if (!able) {
#pragma omp atomic write
            status = kNoMemory;
        }
        const float scale = 1.0f / __builtin_sqrtf(float(a.C));
#pragma omp for schedule(dynamic)
        for (int64_t task = 0; task < tiles * a.G * parts; task++) {
            if (!able) continue;
            const int64_t part = task % parts;
            const Tile<W> tile(a, task / parts % a.G, tiles - 1 - task / parts / a.G);  // the longest rows come first
            for (int lane = 0; lane < Tile<W>::kRows; lane++) {
                const float* from = a.q + tile.token(lane) * a.q_stride + tile.query_head(lane) * a.C;
                for (int c = 0; c < a.C; c++) q.data[c * W + lane / 8][lane % 8] = from[c] * scale;
            }
            const int64_t length = tile.any_end - tile.any_begin;
            const int64_t from = tile.any_begin + length * part / parts;
            const int64_t to = tile.any_begin + length * (part + 1) / parts;
            TileState<W> state;
            state.out = parts > 1 ? partial.data + task * state_size + 2 * W : out.data;
            attend<KV, W>(tile, q.data, from, to, part == 0, k.data, v.data, state);
            if (parts == 1) write(tile, state);
            for (int g = 0; g < W && parts > 1; g++) {
                state.out[g - 2 * W] = state.most[g];
                state.out[g - W] = state.total[g];
            }
        }
#pragma omp for schedule(static)
        for (int64_t task = 0; task < (parts > 1 ? tiles * a.G : 0); task++) {
            if (!able) continue;
            const Tile<W> tile(a, task % a.G, tiles - 1 - task / a.G);
            TileState<W> merged;
            merged.out = out.data;
            memset(merged.out, 0, a.C * W * sizeof(v8));
            for (int g = 0; g < W; g++) {
                const v8* first = partial.data + task * parts * state_size;
                merged.most[g] = first[g];
                for (int64_t p = 1; p < parts; p++) {
                    const v8 most = first[p * state_size + g];
                    merged.most[g] = most > merged.most[g] ? most : merged.most[g];
                }
                merged.total[g] = all8(0);
                for (int64_t p = 0; p < parts; p++) {
                    const v8* state = first + p * state_size;
                    const v8 share = exp8(state[g] - merged.most[g]);
                    merged.total[g] += state[W + g] * share;
                    for (int c = 0; c < a.C; c++)
                        merged.out[c * W + g] += state[(2 + c) * W + g] * share;
                }
            }
            write(tile, merged);
        }
    }
    return status;
}

template <class KV>
int attention(const AttentionArguments& a, int threads) {
    return a.T * (a.H / a.G) <= 8 ? attention<KV, 1>(a, threads) : attention<KV, 2>(a, threads);
}

}  // namespace
