// The experts of a layer on MXFP4 weights in the checkpoint's own layout; knows nothing of instruction sets.
//
// T tokens, K experts a token, D model, F expert width, R = T * K rows, one for each (token, chosen expert), sorted by
// expert, so that an expert is read once. Two passes over chunks of outputs that threads take as they come, one barrier
// between them: gate and up with SwiGLU, rounded to int8 where it is made; then down with the weighted sum.
#pragma once
#include "activations.h"

namespace {

struct MoeArguments {
    const float* x_TD;
    const int64_t* ids_TK;
    const float* weights_TK;
    const uint8_t *gate_up_blocks, *gate_up_scales;  // [E, 2F, D / 32, 16], [E, 2F, D / 32]
    const float* gate_up_bias;                       // [E, 2F]
    const uint8_t *down_blocks, *down_scales;        // [E, D, F / 32, 16], [E, D, F / 32]
    const float* down_bias;                          // [E, D]
    float* y_TD;
    int64_t T, K, E, D, F;
    float limit;
};

struct Group {  // rows first .. first + count of the sorted rows belong to one expert
    int64_t expert, first, count;
};

// y[n][stride] of `rows` MXFP4 rows times n rows of activations; `rows` is a multiple of the panel's.
template <class I>
struct Products {
    Scratch<uint8_t> panel;
    Scratch<float> panel_scale;

    explicit Products(int max_blocks)
        : panel(size_t(I::kPanelRows) * max_blocks * kBlock), panel_scale(size_t(I::kPanelRows) * max_blocks) {}
    bool ok() const { return panel.data && panel_scale.data; }

    // A panel times `width` rows, at most NT.
    template <int NT, int Rows>
    static void tile(int width, const uint8_t* panel, const float* panel_scale, int blocks, const SplitRow* x,
                     float (*out)[Rows]) {
        if (width == NT)
            I::template tile_mxfp4<NT>(panel, panel_scale, blocks, x, out);
        else if constexpr (NT > 1)
            tile<NT - 1>(width, panel, panel_scale, blocks, x, out);
    }

    template <int NT>
    static void row_by_row(const uint8_t* w, const uint8_t* s, int blocks, int rows, const SplitRow* x, float* y,
                           int stride) {
        for (int r = 0; r < rows; r++) {
            float out[NT];
            I::template dot_mxfp4<NT>(w + size_t(r) * blocks * 16, s + size_t(r) * blocks, blocks, x, out);
            for (int t = 0; t < NT; t++) y[t * stride + r] = out[t];
        }
    }

    void operator()(const uint8_t* w, const uint8_t* s, int blocks, int rows, const SplitRow* x, int64_t n, float* y,
                    int stride) {
        if constexpr (I::kPanelRows > 0) {
            if (n > 3) {
                for (int r = 0; r < rows; r += I::kPanelRows) {
                    I::unpack_mxfp4(w + size_t(r) * blocks * 16, s + size_t(r) * blocks, blocks, panel.data,
                                      panel_scale.data);
                    for (int64_t t = 0; t < n; t += I::kTileTokens) {
                        float out[I::kTileTokens][I::kPanelRows];
                        const int width = n - t < I::kTileTokens ? int(n - t) : I::kTileTokens;
                        tile<I::kTileTokens>(width, panel.data, panel_scale.data, blocks, x + t, out);
                        for (int i = 0; i < width; i++) memcpy(y + (t + i) * stride + r, out[i], sizeof out[i]);
                    }
                }
                return;
            }
        }
        int64_t t = 0;
        for (; t + 3 <= n; t += 3) row_by_row<3>(w, s, blocks, rows, x + t, y + t * stride, stride);
        if (n - t == 2) row_by_row<2>(w, s, blocks, rows, x + t, y + t * stride, stride);
        if (n - t == 1) row_by_row<1>(w, s, blocks, rows, x + t, y + t * stride, stride);
    }
};

// 32 hidden values of one row from its 64 interleaved gates and ups (openai/gpt-oss, torch/model.py: swiglu).
GPTOSS_INLINE void swiglu(const float* gate_up, const float* bias, float limit, float* hidden) {
    const v8 top = all8(limit);
    for (int f = 0; f < kBlock; f += 8) {
        v8 gate, up;
        for (int i = 0; i < 8; i++) {
            gate[i] = gate_up[2 * (f + i)] + bias[2 * (f + i)];
            up[i] = gate_up[2 * (f + i) + 1] + bias[2 * (f + i) + 1];
        }
        gate = gate > top ? top : gate;
        up = up > top ? top : (up < -top ? -top : up);
        store8(hidden + f, gate / (exp8(gate * -1.702f) + 1.0f) * (up + 1.0f));
    }
}

int moe_mxfp4(const MoeArguments& a, int threads) {
    constexpr int kChunk = 2 * kBlock, kRows = kBlock;  // rows of a task in the first and in the second pass
    const int64_t R = a.T * a.K;
    const int in_blocks = int(a.D / kBlock), mid_blocks = int(a.F / kBlock);
    Scratch<Group> groups(a.E);
    Scratch<int64_t> order(R), next(a.E);  // order: sorted row -> row
    SplitActivations x(a.T, int(a.D)), hidden(R, int(a.F));
    Scratch<SplitRow> x_rows(R), hidden_rows(R);
    if (!groups.data || !order.data || !next.data || !x.ok() || !hidden.ok() || !x_rows.data || !hidden_rows.data)
        return kNoMemory;

    memset(next.data, 0, a.E * sizeof(int64_t));
    for (int64_t r = 0; r < R; r++) {
        if (a.ids_TK[r] < 0 || a.ids_TK[r] >= a.E) return kBadIndex;
        next.data[a.ids_TK[r]]++;
    }
    int64_t G = 0, first = 0, most = 0;
    for (int64_t e = 0; e < a.E; e++) {
        const int64_t count = next.data[e];
        next.data[e] = first;
        if (count) groups.data[G++] = {e, first, count};
        first += count;
        most = count > most ? count : most;
    }
    for (int64_t r = 0; r < R; r++) {
        const int64_t sorted = next.data[a.ids_TK[r]]++;
        order.data[sorted] = r;
        x_rows.data[sorted] = x.row(r / a.K);
        hidden_rows.data[sorted] = hidden.row(sorted);
    }

    int status = kDone;
#pragma omp parallel num_threads(threads)
    {
        Products<Isa> products(in_blocks > mid_blocks ? in_blocks : mid_blocks);
        Scratch<float> product(most * kChunk);
        const bool able = products.ok() && product.data;
        if (!able) {
#pragma omp atomic write
            status = kNoMemory;
        }
#pragma omp for schedule(static)
        for (int64_t t = 0; t < a.T; t++) x.put_row(t, a.x_TD + t * a.D);

#pragma omp for schedule(dynamic)
        for (int64_t task = 0; task < G * mid_blocks; task++) {
            if (!able) continue;
            const Group& g = groups.data[task / mid_blocks];
            const int b = int(task % mid_blocks);
            const int64_t row = g.expert * 2 * a.F + b * kChunk;
            products(a.gate_up_blocks + row * in_blocks * 16, a.gate_up_scales + row * in_blocks, in_blocks, kChunk,
                     x_rows.data + g.first, g.count, product.data, kChunk);
            for (int64_t i = 0; i < g.count; i++) {
                float h[kBlock];
                swiglu(product.data + i * kChunk, a.gate_up_bias + row, a.limit, h);
                hidden.put_block(g.first + i, b, h);
                if (b == mid_blocks - 1) hidden.finish_row(g.first + i);
            }
        }

#pragma omp for schedule(dynamic)
        for (int64_t d = 0; d < a.D; d += kRows) {
            if (!able) continue;
            for (int64_t t = 0; t < a.T; t++) memset(a.y_TD + t * a.D + d, 0, kRows * sizeof(float));
            for (int64_t i = 0; i < G; i++) {
                const Group& g = groups.data[i];
                const int64_t row = g.expert * a.D + d;
                products(a.down_blocks + row * mid_blocks * 16, a.down_scales + row * mid_blocks, mid_blocks, kRows,
                         hidden_rows.data + g.first, g.count, product.data, kRows);
                for (int64_t j = 0; j < g.count; j++) {
                    const int64_t r = order.data[g.first + j];
                    float* y = a.y_TD + r / a.K * a.D + d;
                    const float weight = a.weights_TK[r];
                    for (int k = 0; k < kRows; k++)
                        y[k] += weight * (product.data[j * kRows + k] + a.down_bias[row + k]);
                }
            }
        }
    }
    return status;
}

}  // namespace
