#include <stdio.h>
#include <vitro/vitro_c.h>

int main(int argc, char** argv) {
  vitro_plan* plan = NULL;
  const vitro_code code = vitro_plan_build(argc > 1 ? argv[1] : "model.safetensors", NULL, &plan);
  if (code != VITRO_OK) return fprintf(stderr, "%s\n", vitro_last_error()), 1;
  int64_t classes = 0;
  vitro_plan_num_classes(plan, &classes);
  vitro_plan_free(plan);
  return printf("%s %d\n", vitro_version(), (int)classes) < 0;
}
