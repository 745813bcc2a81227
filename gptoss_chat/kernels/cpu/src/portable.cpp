// The kernels for any processor, and which of the faster ones this processor can run.
#define GPTOSS_ISA portable
#include "isa_portable.h"

#include "exports.h"

#if defined(GPTOSS_WITH_NEON) && defined(__linux__)
#include <sys/auxv.h>
#endif

#define GPTOSS_HAS(name) extern "C" __attribute__((visibility("default"))) int gptoss_has_##name()

GPTOSS_HAS(avx2) {
#ifdef GPTOSS_WITH_X86
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return 0;
#endif
}

GPTOSS_HAS(avx512) {
#ifdef GPTOSS_WITH_X86
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
#else
    return 0;
#endif
}

GPTOSS_HAS(neon) {
#if defined(GPTOSS_WITH_NEON) && defined(__linux__)
    constexpr unsigned long kDotProduct = 1ul << 20;  // HWCAP_ASIMDDP
    return (getauxval(AT_HWCAP) & kDotProduct) != 0;
#elif defined(GPTOSS_WITH_NEON)
    return 1;  // every Apple processor has them
#else
    return 0;
#endif
}

// Goes up with every change of what is exported; gptoss_chat/kernels/cpu/library.py expects the same number.
extern "C" __attribute__((visibility("default"))) int gptoss_interface() { return 7; }
