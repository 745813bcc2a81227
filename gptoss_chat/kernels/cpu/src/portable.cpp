// The kernels for any processor, and which of the faster ones this processor can run.
#define GPTOSS_ISA portable
#include "isa_portable.h"

#include "exports.h"

extern "C" __attribute__((visibility("default"))) int gptoss_has_avx2() {
#ifdef GPTOSS_WITH_AVX2
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return 0;
#endif
}

// Goes up with every change of a signature in exports.h; gptoss_chat/kernels/cpu/library.py expects the same number.
extern "C" __attribute__((visibility("default"))) int gptoss_interface() { return 2; }
