// The kernels for Arm processors with the dot-product instructions; nothing here may run before gptoss_has_neon said yes.
#define GPTOSS_ISA neon
#include "isa_neon.h"

#include "exports.h"
