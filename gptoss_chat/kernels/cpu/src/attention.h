// Causal grouped-query attention with sinks over paged keys and values; knows nothing of instruction sets.
//
// T queries, H heads, G key-value heads, M = H / G, C head size, S slots a page. A task is one key-value head, a group of
// tiles of its query rows, and a part of the keys: a page is widened to float32 once for the tiles of a task. Parts are
// short enough to stay in a cache, and heads of one part are taken one after the other, since their lines alternate in it.
#pragma once
#include "attention_tile.h"

namespace {

constexpr int kGroup = 4;             // tiles of a task, at most
constexpr int64_t kPartKeys = 512;    // of a step that has few tiles

// How rows of keys and values are widened: where channel c goes, and eight lanes at a time.
GPTOSS_INLINE int64_t place(const float*, int64_t c, int64_t) { return c; }
GPTOSS_INLINE int64_t place(const uint16_t*, int64_t c, int64_t C) {  // of 16, the even ones first: two plain operations
    return c < C / 16 * 16 ? c / 16 * 16 + c % 2 * 8 + c % 16 / 2 : c;
}
GPTOSS_INLINE void widen(const float* from, float* to, int64_t C) { memcpy(to, from, C * sizeof(float)); }
GPTOSS_INLINE void widen(const uint16_t* from, float* to, int64_t C) {
    int64_t c = 0;
    for (; c + 16 <= C; c += 16) {
        v8i pairs;
        memcpy(&pairs, from + c, sizeof pairs);
        store8(to + c, (v8)(pairs << 16));
        store8(to + c + 8, (v8)(pairs & int32_t(0xFFFF0000)));
    }
    for (; c < C; c++) to[c] = bf16_to_float(from[c]);
}

// One thread's memory and work.
template <class KV, int W>
struct Attention {
    const AttentionArguments& a;
    Scratch<float> k, v;
    Scratch<v8> q, out;

    explicit Attention(const AttentionArguments& arguments)
        : a(arguments), k((kSlots + 8) * a.C), v((kSlots + 8) * a.C), q(kGroup * a.C * W), out(kGroup * a.C * W) {}
    bool ok() const { return k.data && v.data && q.data && out.data; }

    const KV* row(const void* pages, int64_t position, int64_t head) const {
        return static_cast<const KV*>(pages) + ((a.page_table[position / a.S] * a.S + position % a.S) * a.G + head) * a.C;
    }

    void begin(const Tile<W>& tile, bool sink, v8* rows, TileState<W>& state) const {
        const float scale = 1.0f / __builtin_sqrtf(float(a.C));
        for (int lane = 0; lane < Tile<W>::kRows; lane++) {
            const float* from = a.q + tile.token[lane] * a.q_stride + tile.query_head[lane] * a.C;
            for (int64_t c = 0; c < a.C; c++)
                rows[place(static_cast<KV*>(nullptr), c, a.C) * W + lane / 8][lane % 8] = from[c] * scale;
            const float logit = a.sinks[tile.query_head[lane]];
            state.most[lane / 8][lane % 8] = sink && !(logit < kNone) ? logit : kNone;
        }
        for (int g = 0; g < W; g++) state.total[g] = sink ? exp8(state.most[g] - state.most[g]) : all8(0);
        memset(state.out, 0, a.C * W * sizeof(v8));
    }

    // Keys [from, to) for `count` tiles.
    void attend(const Tile<W>* tiles, int count, int64_t head, int64_t from, int64_t to, TileState<W>* states) {
        const int64_t line = a.G * a.C, bytes = a.C * int64_t(sizeof(KV));
        while (from < to) {
            const int64_t page_end = (from / a.S + 1) * a.S, stop = page_end < to ? page_end : to;
            const KV *keys = row(a.k_pages, from, head), *values = row(a.v_pages, from, head);
            const int64_t ahead = stop < to ? stop : from;  // the next page, or nothing new
            const KV *next_keys = row(a.k_pages, ahead, head), *next_values = row(a.v_pages, ahead, head);
            for (int64_t j = 0; j < stop - from; j++) {
                for (int64_t b = 0; b < bytes; b += 64) {
                    __builtin_prefetch(reinterpret_cast<const char*>(next_keys + j * line) + b);
                    __builtin_prefetch(reinterpret_cast<const char*>(next_values + j * line) + b);
                }
                widen(keys + j * line, k.data + j * a.C, a.C);
                widen(values + j * line, v.data + j * a.C, a.C);
            }
            for (int i = 0; i < count; i++) {
                const Tile<W>& tile = tiles[i];
                const int64_t first = from > tile.any_begin ? from : tile.any_begin;
                const int64_t last = stop < tile.any_end ? stop : tile.any_end;
                if (first >= last) continue;
                const v8* rows = q.data + i * a.C * W;
                const float *some_keys = k.data + (first - from) * a.C, *some_values = v.data + (first - from) * a.C;
                if (tile.all_begin <= first && last <= tile.all_end && (last - first) % 8 == 0)
                    attend_keys<false, W>(tile, rows, some_keys, some_values, int(a.C), first, last, states[i]);
                else
                    attend_keys<true, W>(tile, rows, some_keys, some_values, int(a.C), first, last, states[i]);
            }
            from = stop;
        }
    }

    void write(const Tile<W>& tile, const TileState<W>& state) const {
        for (int lane = 0; lane < tile.rows; lane++) {
            float* y = a.y + (tile.token[lane] * a.H + tile.query_head[lane]) * a.C;
            const float inverse = 1.0f / state.total[lane / 8][lane % 8];
            for (int64_t c = 0; c < a.C; c++)
                y[c] = state.out[place(static_cast<KV*>(nullptr), c, a.C) * W + lane / 8][lane % 8] * inverse;
        }
    }

    // A tile's `parts` states, `stride` vectors apart: most, total and out of each.
    void merge(const Tile<W>& tile, const v8* first, int64_t parts, int64_t stride) {
        TileState<W> merged;
        merged.out = out.data;
        memset(merged.out, 0, a.C * W * sizeof(v8));
        for (int g = 0; g < W; g++) {
            merged.most[g] = first[g];
            for (int64_t p = 1; p < parts; p++) {
                const v8 most = first[p * stride + g];
                merged.most[g] = most > merged.most[g] ? most : merged.most[g];
            }
            merged.total[g] = all8(0);
            for (int64_t p = 0; p < parts; p++) {
                const v8* state = first + p * stride;
                const v8 share = exp8(state[g] - merged.most[g]);
                merged.total[g] += state[W + g] * share;
                for (int64_t c = 0; c < a.C; c++) merged.out[c * W + g] += state[(2 + c) * W + g] * share;
            }
        }
        write(tile, merged);
    }
};

template <class KV, int W>
int attention(const AttentionArguments& a, int threads) {
    const int64_t tiles = (a.T * (a.H / a.G) + Tile<W>::kRows - 1) / Tile<W>::kRows, last = a.start + a.T;
    if (a.S > kSlots || a.S % 8) return kBadIndex;
    const int64_t oldest = a.window && a.start >= a.window ? a.start - a.window + 1 : 0;
    for (int64_t page = oldest / a.S; page * a.S < last; page++)
        if (a.page_table[page] < 0 || a.page_table[page] >= a.P) return kBadIndex;
    const int64_t fair = tiles * a.G / (4 * threads), size = fair < 1 ? 1 : (fair < kGroup ? fair : kGroup);
    const int64_t groups = (tiles + size - 1) / size, short_parts = (last - oldest + kPartKeys - 1) / kPartKeys;
    const int64_t needed = (4 * threads + groups * a.G - 1) / (groups * a.G);
    const int64_t parts = tiles == 1 || short_parts < needed ? short_parts : needed;
    const int64_t state_size = (a.C + 2) * W;  // v8 of one tile: most, total, out
    Scratch<v8> partial(parts > 1 ? tiles * a.G * parts * state_size : 0);
    if (!partial.data) return kNoMemory;
    int status = kDone;
#pragma omp parallel num_threads(threads)
    {
        Attention<KV, W> work(a);
        if (!work.ok()) {
#pragma omp atomic write
            status = kNoMemory;
        }
#pragma omp for schedule(dynamic)
        for (int64_t task = 0; task < groups * parts * a.G; task++) {
            if (!work.ok()) continue;
            const int64_t head = task % a.G, part = task / a.G % parts;
            const int64_t first = (groups - 1 - task / a.G / parts) * size;  // the longest rows come first
            const int count = int(tiles - first < size ? tiles - first : size);
            Tile<W> all[kGroup];
            TileState<W> states[kGroup];
            for (int i = 0; i < count; i++) {
                all[i] = Tile<W>(a, head, first + i);
                v8* kept = partial.data + (((first + i) * a.G + head) * parts + part) * state_size;
                states[i].out = parts > 1 ? kept + 2 * W : work.out.data + i * a.C * W;
                work.begin(all[i], part == 0, work.q.data + i * a.C * W, states[i]);
            }
            const int64_t begin = all[0].any_begin, length = all[count - 1].any_end - begin;
            work.attend(all, count, head, begin + length * part / parts, begin + length * (part + 1) / parts, states);
            for (int i = 0; i < count; i++) {
                if (parts == 1) work.write(all[i], states[i]);
                for (int g = 0; g < W && parts > 1; g++) {
                    states[i].out[g - 2 * W] = states[i].most[g];
                    states[i].out[g - W] = states[i].total[g];
                }
            }
        }
#pragma omp for schedule(static)
        for (int64_t task = 0; task < (parts > 1 ? tiles * a.G : 0); task++)
            if (work.ok())
                work.merge(Tile<W>(a, task % a.G, task / a.G), partial.data + task * parts * state_size, parts,
                           state_size);
    }
    return status;
}

template <class KV>
int attention(const AttentionArguments& a, int threads) {
    return a.T * (a.H / a.G) <= 8 ? attention<KV, 1>(a, threads) : attention<KV, 2>(a, threads);
}

}  // namespace
