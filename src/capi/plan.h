#pragma once

#include "vitro/plan.h"
#include "vitro/vitro_c.h"

struct vitro_plan {
  vitro::Plan plan;
};
