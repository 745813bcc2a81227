// The kernels for processors with AVX-512 and VNNI; nothing here may run before gptoss_has_avx512 said yes.
#define GPTOSS_ISA avx512
#include "isa_avx512.h"

#include "exports.h"
