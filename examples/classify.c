/* Classifies one image, in plain C: classify MODEL IMAGE */
#include <stdio.h>
#include <stdlib.h>

#include "vitro/vitro_c.h"

static void expect_ok(vitro_code code) {
  if (code == VITRO_OK) return;
  fprintf(stderr, "error: %s\n", vitro_last_error());
  if (vitro_last_hint()[0] != '\0') fprintf(stderr, "hint: %s\n", vitro_last_hint());
  exit(1);
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s MODEL IMAGE\n", argv[0]);
    return 2;
  }
  vitro_plan* plan = NULL;
  vitro_session* session = NULL;
  vitro_tensor *image = NULL, *logits = NULL;
  expect_ok(vitro_plan_load_or_build(argv[1], NULL, &plan));
  expect_ok(vitro_session_create(plan, NULL, &session));
  expect_ok(vitro_plan_preprocess_file(plan, argv[2], &image));
  expect_ok(vitro_session_run_tensors(session, (const vitro_tensor* const*)&image, 1, &logits, 1));

  vitro_view view; /* [1, classes] */
  expect_ok(vitro_tensor_view(logits, &view));
  const float* values = view.data;
  int64_t best = 0;
  for (int64_t i = 1; i < view.dims[1]; ++i)
    if (values[i] > values[best]) best = i;
  const char* label = NULL;
  expect_ok(vitro_plan_label(plan, best, &label));
  printf("%s: class %lld, %s\n", argv[2], (long long)best, label[0] != '\0' ? label : "no label");

  vitro_tensor_free(logits);
  vitro_tensor_free(image);
  vitro_session_free(session);
  vitro_plan_free(plan);
  return 0;
}
