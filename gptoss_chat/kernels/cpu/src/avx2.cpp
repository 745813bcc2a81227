// The kernels for processors with AVX2 and FMA; nothing here may run before gptoss_has_avx2 said yes.
#define GPTOSS_ISA avx2
#include "isa_avx2.h"

#include "exports.h"
