// Eight float lanes in the compiler's own vector type: the same source becomes SSE2, NEON or AVX2. Knows no layout.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>

// Everything in these headers is static or in an unnamed namespace: code compiled for AVX2 must never be merged by the
// linker with code compiled for any processor. For the same reason no templates of the standard library are used.
namespace {

typedef float v8 __attribute__((vector_size(32)));
typedef int32_t v8i __attribute__((vector_size(32)));
typedef uint16_t v8h __attribute__((vector_size(16)));

#define GPTOSS_INLINE static inline __attribute__((always_inline))

GPTOSS_INLINE v8 load8(const float* p) {
    v8 v;
    memcpy(&v, p, sizeof v);
    return v;
}
GPTOSS_INLINE void store8(float* p, v8 v) { memcpy(p, &v, sizeof v); }
GPTOSS_INLINE v8 all8(float x) { return v8{x, x, x, x, x, x, x, x}; }
GPTOSS_INLINE float sum8(v8 v) { return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7])); }

GPTOSS_INLINE float bf16_to_float(uint16_t h) {
    const uint32_t bits = uint32_t(h) << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
GPTOSS_INLINE v8 load8(const uint16_t* bf16) {
    v8h h;
    memcpy(&h, bf16, sizeof h);
    return (v8)(__builtin_convertvector(h, v8i) << 16);
}
GPTOSS_INLINE float to_float(float x) { return x; }
GPTOSS_INLINE float to_float(uint16_t bf16) { return bf16_to_float(bf16); }

// 2^(byte - 127) of an E8M0 scale; byte 0 becomes 0 (2^-127 is below the smallest normal float), 255 infinity.
GPTOSS_INLINE float e8m0(uint8_t byte) {
    const uint32_t bits = uint32_t(byte) << 23;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// e^x to 2 ulp (Cephes expf), NaN stays NaN, 0 below -87.3, saturated above 88.3.
GPTOSS_INLINE v8 exp8(v8 x) {
    const v8 magic = all8(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer held in the low bits
    const v8 capped = x > 88.3f ? all8(88.3f) : (x < -87.3f ? all8(-87.3f) : x);
    const v8 shifted = capped * 1.44269504088896341f + magic;
    const v8i n = (v8i)shifted - (v8i)magic;
    const v8 nf = shifted - magic;
    const v8 r = (capped - nf * 0.693359375f) + nf * 2.12194440e-4f;
    v8 p = all8(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    const v8 y = p * (v8)((n + 127) << 23);
    return x < -87.3f ? all8(0.0f) : y;
}

// Memory that a call needs, aligned for any vector and zeroed nowhere; null when there is none left.
template <class T>
struct Scratch {
    T* data;
    explicit Scratch(size_t count) : data(static_cast<T*>(aligned_alloc(64, (count * sizeof(T) + 127) / 64 * 64))) {}
    ~Scratch() { free(data); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
};

// How many threads so many multiply-adds are worth: waking them takes some microseconds, and far more on a busy machine.
constexpr int64_t kWorthThreads = 1 << 19;
GPTOSS_INLINE int team(int64_t products, int threads) { return products < kWorthThreads ? 1 : threads; }

// What the exported functions return.
enum Status : int { kDone = 0, kNoMemory = 1, kBadIndex = 2 };

}  // namespace
