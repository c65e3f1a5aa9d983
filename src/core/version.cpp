#include "vitro/vitro.h"

namespace vitro {

const char* version() { return VITRO_VERSION; }

}  // namespace vitro
