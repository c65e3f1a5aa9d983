/* What a C program can do with Vitro: capi_test MODELS_FOLDER SCRATCH_FOLDER */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vitro/vitro_c.h"

static int failures = 0;

#define EXPECT(condition)                                                      \
  do {                                                                         \
    if (!(condition)) {                                                        \
      fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #condition); \
      ++failures;                                                              \
    }                                                                          \
  } while (0)

/* What everything else needs: there is no point in going on without it. */
static void require_ok(vitro_code code) {
  if (code == VITRO_OK) return;
  fprintf(stderr, "code %d: %s\n", (int)code, vitro_last_error());
  exit(1);
}

static void expect_failure(int line, vitro_code code, vitro_code expected, const char* text) {
  if (code == expected && strstr(vitro_last_error(), text) != NULL) return;
  fprintf(stderr, "%s:%d: code %d '%s', expected code %d with '%s'\n", __FILE__, line, (int)code,
          vitro_last_error(), (int)expected, text);
  ++failures;
}
#define EXPECT_FAILURE(call, code, text) expect_failure(__LINE__, call, code, text)

enum { kBatch = 2, kSize = 64, kClasses = 200, kPixels = kBatch * 3 * kSize * kSize };
static const int64_t image_dims[] = {kBatch, 3, kSize, kSize};
static const int64_t logit_dims[] = {kBatch, kClasses};
static float pixels[kPixels];

static vitro_view float_view(float* data, const int64_t* dims, int32_t rank) {
  vitro_view view = {data, dims, rank, VITRO_FLOAT32, VITRO_CPU, 0};
  return view;
}
static vitro_view image_view(void) { return float_view(pixels, image_dims, 4); }

static char path_text[4][4096];
static const char* path_in(int slot, const char* folder, const char* name) {
  snprintf(path_text[slot], sizeof path_text[slot], "%s/%s", folder, name);
  return path_text[slot];
}

/* ---- Errors ---- */

static void* fail_elsewhere(void* text) {
  vitro_plan* plan = NULL;
  vitro_plan_load("elsewhere.plan", &plan);
  snprintf(text, 256, "%s", vitro_last_error());
  return NULL;
}

static void test_errors(void) {
  EXPECT(vitro_version()[0] != '\0');
  EXPECT(vitro_last_error()[0] == '\0' && vitro_last_hint()[0] == '\0');
  vitro_plan* plan = NULL;
  EXPECT_FAILURE(vitro_plan_load("missing.plan", &plan), VITRO_NOT_FOUND, "missing.plan");
  EXPECT(plan == NULL);
  EXPECT_FAILURE(vitro_plan_load(NULL, &plan), VITRO_INVALID_ARGUMENT, "path is NULL");
  EXPECT_FAILURE(vitro_plan_load("missing.plan", NULL), VITRO_INVALID_ARGUMENT, "plan is NULL");
  EXPECT_FAILURE(vitro_plan_save(NULL, "x"), VITRO_INVALID_ARGUMENT, "plan is NULL");

  /* The text belongs to the thread. */
  char text[256];
  pthread_t thread;
  EXPECT(pthread_create(&thread, NULL, fail_elsewhere, text) == 0);
  EXPECT(pthread_join(thread, NULL) == 0);
  EXPECT(strstr(text, "elsewhere.plan") != NULL);
  EXPECT(strstr(vitro_last_error(), "plan is NULL") != NULL);

  vitro_plan_free(NULL);
  vitro_session_free(NULL);
  vitro_tensor_free(NULL);
}

/* ---- Tensors ---- */

static void test_tensors(void) {
  const int64_t dims[] = {2, 3};
  vitro_tensor* tensor = NULL;
  require_ok(vitro_tensor_create(VITRO_INT16, dims, 2, &tensor));
  vitro_view view;
  require_ok(vitro_tensor_view(tensor, &view));
  EXPECT(view.rank == 2 && view.dims[0] == 2 && view.dims[1] == 3 && view.dtype == VITRO_INT16);
  EXPECT(view.device_type == VITRO_CPU && ((uintptr_t)view.data) % 64 == 0);
  EXPECT(((const int16_t*)view.data)[5] == 0);
  vitro_tensor_free(tensor);

  require_ok(vitro_tensor_create(VITRO_FLOAT32, NULL, 0, &tensor)); /* a scalar */
  vitro_tensor_free(tensor);
  const int64_t negative = -1, absurd = INT64_MAX;
  EXPECT_FAILURE(vitro_tensor_create((vitro_dtype)99, dims, 2, &tensor), VITRO_INVALID_ARGUMENT,
                 "dtype 99");
  EXPECT_FAILURE(vitro_tensor_create(VITRO_BOOL, &negative, 1, &tensor), VITRO_INVALID_ARGUMENT,
                 "negative extent");
  EXPECT_FAILURE(vitro_tensor_create(VITRO_BOOL, &absurd, 1, &tensor), VITRO_OUT_OF_MEMORY,
                 "no memory");
  EXPECT_FAILURE(vitro_tensor_create(VITRO_BOOL, NULL, 1, &tensor), VITRO_INVALID_ARGUMENT, "NULL");
  EXPECT_FAILURE(vitro_tensor_create(VITRO_BOOL, dims, -1, &tensor), VITRO_INVALID_ARGUMENT,
                 "rank -1");
}

static void count_release(void* count) { ++*(int*)count; }

static void test_memory_of_others(void) {
  int released = 0;
  vitro_view view = image_view();
  vitro_tensor *tensor = NULL, *back = NULL, *again = NULL;
  view.data = (char*)pixels + 1;
  EXPECT_FAILURE(vitro_tensor_wrap(&view, count_release, &released, &tensor),
                 VITRO_INVALID_ARGUMENT, "not aligned");
  EXPECT(released == 0);
  view = image_view();
  require_ok(vitro_tensor_wrap(&view, count_release, &released, &tensor));

  /* Through both forms of DLPack and back: the same memory, released once, at the very end. */
  struct DLManagedTensor* managed = NULL;
  struct DLManagedTensorVersioned* versioned = NULL;
  require_ok(vitro_tensor_to_dlpack(tensor, &managed));
  require_ok(vitro_tensor_from_dlpack(managed, &back));
  require_ok(vitro_tensor_to_dlpack_versioned(back, &versioned));
  require_ok(vitro_tensor_from_dlpack_versioned(versioned, &again));
  vitro_tensor_free(tensor);
  vitro_tensor_free(back);
  EXPECT(released == 0);
  vitro_view round_trip;
  require_ok(vitro_tensor_view(again, &round_trip));
  EXPECT(round_trip.data == pixels && round_trip.rank == 4 && round_trip.dims[3] == kSize);
  vitro_tensor_free(again);
  EXPECT(released == 1);
  EXPECT_FAILURE(vitro_tensor_from_dlpack(NULL, &tensor), VITRO_INVALID_ARGUMENT, "null");

  require_ok(vitro_tensor_wrap(&view, NULL, NULL, &tensor));
  vitro_tensor_free(tensor);
}

/* ---- Plans ---- */

/* Preprocessing and labels of the caller, for a plan too. */
static void test_choices(const char* saved, const char* models, const char* scratch) {
  const float gray[3] = {0.5f, 0.5f, 0.5f};
  const char* list = path_in(0, scratch, "capi_classes.txt");
  FILE* file = fopen(list, "w");
  for (int i = 0; i < kClasses; ++i) fprintf(file, "%d,kind %d\n", kClasses - 1 - i, i);
  fclose(file);
  vitro_build_options options = VITRO_BUILD_OPTIONS;
  options.crop_pct = 0.5;
  options.crop_mode = "squash";
  options.interpolation = "lanczos";
  options.mean = options.std = gray;
  options.labels = list;
  vitro_plan* plan = NULL;
  require_ok(vitro_plan_load_or_build(saved, &options, &plan));
  const char* text = NULL;
  require_ok(vitro_plan_label(plan, 0, &text));
  EXPECT(strcmp(text, "kind 199") == 0);
  remove(list);
  vitro_tensor* image = NULL;
  require_ok(vitro_plan_preprocess_file(plan, path_in(0, models, "photos/coffee.png"), &image));
  vitro_view view;
  require_ok(vitro_tensor_view(image, &view));
  const float* values = view.data;
  for (int64_t i = 0; i < 3 * view.dims[2] * view.dims[3]; ++i)
    EXPECT(values[i] >= -1 && values[i] <= 1);
  vitro_tensor_free(image);
  vitro_plan_free(plan);
  options = (vitro_build_options)VITRO_BUILD_OPTIONS;
  options.interpolation = "cubic";
  EXPECT_FAILURE(vitro_plan_load_or_build(saved, &options, &plan), VITRO_INVALID_ARGUMENT,
                 "interpolation is 'cubic', expected bilinear, bicubic, lanczos");
  options.interpolation = NULL;
  options.crop_pct = 87.5;
  EXPECT_FAILURE(vitro_plan_load_or_build(saved, &options, &plan), VITRO_INVALID_ARGUMENT,
                 "crop_pct is 87.5, expected 0.01 to 1");
}

/* A plan that takes the pixels of pictures. */
static void test_pixels(const char* checkpoint, const char* models) {
  vitro_plan* plan = NULL;
  vitro_build_options options = VITRO_BUILD_OPTIONS;
  options.height = options.width = 64;
  options.pixels = 1;
  require_ok(vitro_plan_build(checkpoint, &options, &plan));
  vitro_tensor* image = NULL;
  require_ok(vitro_plan_preprocess_file(plan, path_in(2, models, "photos/coffee.png"), &image));
  vitro_view view;
  require_ok(vitro_tensor_view(image, &view));
  EXPECT(view.dtype == VITRO_UINT8 && view.dims[1] == 64 && view.dims[3] == 3);
  vitro_tensor_free(image);
  vitro_plan_free(plan);
}

/* Products in 8 bits, calibrated with a folder of pictures. */
static void test_quantized(const char* checkpoint, const char* models, const char* scratch) {
  vitro_plan* plan = NULL;
  vitro_build_options options = VITRO_BUILD_OPTIONS;
  options.height = options.width = 64;
  options.calibration = path_in(2, models, "photos");
  EXPECT_FAILURE(vitro_plan_build(checkpoint, &options, &plan), VITRO_INVALID_ARGUMENT,
                 "quantize is not VITRO_INT8");
  options.quantize = VITRO_INT8;
  options.bias_correction = "some";
  EXPECT_FAILURE(vitro_plan_build(checkpoint, &options, &plan), VITRO_INVALID_ARGUMENT,
                 "expected none, rounding or sequential");
  options.bias_correction = NULL;
  options.layer_precisions = "head:int8";
  options.calibration_method = "minmax";
  EXPECT_FAILURE(vitro_plan_load_or_build(checkpoint, &options, &plan), VITRO_INVALID_ARGUMENT,
                 "vitro_plan_build()");
  require_ok(vitro_plan_build(checkpoint, &options, &plan));
  const char* saved = path_in(3, scratch, "capi_int8.plan");
  require_ok(vitro_plan_save(plan, saved));
  vitro_plan_free(plan);
  FILE* file = fopen(saved, "rb");
  fseek(file, 0, SEEK_END);
  EXPECT(ftell(file) < 30 << 20); /* of 85 MB in floats */
  fclose(file);
  remove(saved);
}

static vitro_plan* build_and_load(const char* models, const char* scratch) {
  const char* checkpoint = path_in(0, models, "uniformer_small_tiny200.safetensors");
  const char* saved = path_in(1, scratch, "capi_test.plan");
  vitro_plan *built = NULL, *loaded = NULL;
  struct {
    vitro_build_options options;
    int64_t newer; /* of a version that is yet to come */
  } future = {VITRO_BUILD_OPTIONS, 1};
  future.options.size = sizeof future;
  EXPECT_FAILURE(vitro_plan_build(checkpoint, &future.options, &built), VITRO_UNSUPPORTED,
                 "this version of Vitro does not have");
  future.newer = 0;
  require_ok(vitro_plan_build(checkpoint, &future.options, &built));
  require_ok(vitro_plan_save(built, saved));
  vitro_plan_free(built);
  test_quantized(checkpoint, models, scratch);
  test_pixels(checkpoint, models);

  vitro_build_options options = VITRO_BUILD_OPTIONS;
  options.arch = "resnet50";
  EXPECT_FAILURE(vitro_plan_build(checkpoint, &options, &built), VITRO_NOT_FOUND, "resnet50");
  EXPECT(vitro_last_hint()[0] != '\0');
  options.arch = NULL;
  options.weights_key = "teacher";
  EXPECT_FAILURE(vitro_plan_build(checkpoint, &options, &built), VITRO_NOT_FOUND, "'teacher'");
  options.size = 0;
  EXPECT_FAILURE(vitro_plan_build(checkpoint, &options, &built), VITRO_INVALID_ARGUMENT,
                 "a size of 0");
  options.size = offsetof(vitro_build_options, arch_params); /* of a version long gone */
  options.arch = "uniformer_small";
  options.weights = (vitro_dtype)99;
  require_ok(vitro_plan_build(checkpoint, &options, &built));
  vitro_plan_free(built);

  require_ok(vitro_plan_load_or_build(saved, NULL, &loaded));
  vitro_plan_free(loaded);
  test_choices(saved, models, scratch);
  require_ok(vitro_plan_load(saved, &loaded));
  remove(saved);
  return loaded;
}

static void test_classes(const vitro_plan* plan) {
  int64_t classes = 0;
  const char* text = NULL;
  require_ok(vitro_plan_num_classes(plan, &classes));
  EXPECT(classes == kClasses);
  require_ok(vitro_plan_label(plan, 199, &text));
  EXPECT(text != NULL && text[0] != '\0');
  require_ok(vitro_plan_label_id(plan, 0, &text));
  EXPECT(text != NULL && text[0] == 'n'); /* n01443537 */
  EXPECT_FAILURE(vitro_plan_label(plan, 200, &text), VITRO_NOT_FOUND, "class 200");
  EXPECT_FAILURE(vitro_plan_label(plan, -1, &text), VITRO_NOT_FOUND, "class -1");
}

static void test_preprocessing(const vitro_plan* plan, const char* models) {
  static unsigned char bytes[1 << 21];
  const char* path = path_in(0, models, "photos/coffee.png");
  vitro_tensor *from_file = NULL, *from_bytes = NULL;
  FILE* file = fopen(path, "rb");
  if (file == NULL) exit(1);
  const size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  require_ok(vitro_plan_preprocess_file(plan, path, &from_file));
  require_ok(vitro_plan_preprocess_bytes(plan, bytes, size, "coffee", &from_bytes));
  vitro_view a, b;
  require_ok(vitro_tensor_view(from_file, &a));
  require_ok(vitro_tensor_view(from_bytes, &b));
  EXPECT(a.rank == 4 && a.dims[0] == 1 && a.dims[1] == 3 && a.dtype == VITRO_FLOAT32);
  const size_t count = (size_t)(a.dims[1] * a.dims[2] * a.dims[3]);
  EXPECT(memcmp(a.data, b.data, count * sizeof(float)) == 0);
  vitro_tensor_free(from_file);
  vitro_tensor_free(from_bytes);
  EXPECT_FAILURE(vitro_plan_preprocess_bytes(plan, bytes, size / 2, "half", &from_bytes),
                 VITRO_CORRUPT_FILE, "half");
  EXPECT_FAILURE(vitro_plan_preprocess_file(plan, "none.png", &from_file), VITRO_NOT_FOUND,
                 "none.png");
}

/* ---- Sessions ---- */

static void test_description(const vitro_session* session) {
  size_t inputs = 0, outputs = 0;
  const vitro_io_info* info = NULL;
  const char* backend = NULL;
  require_ok(vitro_session_backend(session, &backend));
  EXPECT(strcmp(backend, "cpu") == 0);
  require_ok(vitro_session_num_inputs(session, &inputs));
  require_ok(vitro_session_num_outputs(session, &outputs));
  EXPECT(inputs == 1 && outputs == 1);
  require_ok(vitro_session_input(session, 0, &info));
  EXPECT(strcmp(info->name, "images") == 0 && info->dtype == VITRO_FLOAT32 && info->rank == 4);
  EXPECT(strcmp(info->dims[0].name, "batch") == 0 && info->dims[0].min == 1);
  EXPECT(info->dims[1].min == 3 && info->dims[1].max == 3);
  EXPECT(info->dims[2].multiple == 32 && info->dims[2].max > 1000);
  require_ok(vitro_session_output(session, 0, &info));
  EXPECT(strcmp(info->name, "logits") == 0 && info->rank == 2);
  EXPECT(strcmp(info->dims[0].name, "batch") == 0 && info->dims[0].max > 1000);
  EXPECT(info->dims[1].min == kClasses && info->dims[1].max == kClasses);
  EXPECT_FAILURE(vitro_session_input(session, 1, &info), VITRO_NOT_FOUND, "input 1");
  EXPECT_FAILURE(vitro_session_output(session, 9, &info), VITRO_NOT_FOUND, "output 9");
}

static void test_runs(const vitro_session* session) {
  static float by_position[kBatch * kClasses], by_name[kBatch * kClasses];
  const char* const input_name = "images";
  const char* const output_name = "logits";
  const vitro_view images = image_view();
  const vitro_view out = float_view(by_position, logit_dims, 2);
  const vitro_view named = float_view(by_name, logit_dims, 2);
  vitro_view shape_only = images;
  shape_only.data = NULL;
  require_ok(vitro_session_prepare(session, &shape_only, 1));
  require_ok(vitro_session_run(session, &images, 1, &out, 1));
  require_ok(vitro_session_run_named(session, &input_name, &images, 1, &output_name, &named, 1));
  EXPECT(by_position[0] != 0.0f);
  EXPECT(memcmp(by_position, by_name, sizeof by_name) == 0);
  const vitro_run_options usual = VITRO_RUN_OPTIONS;
  memset(by_name, 0, sizeof by_name);
  require_ok(vitro_session_run_with(session, &images, 1, &named, 1, &usual));
  EXPECT(memcmp(by_position, by_name, sizeof by_name) == 0);

  vitro_tensor *input = NULL, *output = NULL;
  require_ok(vitro_tensor_wrap(&images, NULL, NULL, &input));
  require_ok(vitro_session_run_tensors(session, (const vitro_tensor* const*)&input, 1, &output, 1));
  vitro_view made;
  require_ok(vitro_tensor_view(output, &made));
  EXPECT(made.rank == 2 && made.dims[0] == kBatch && made.dims[1] == kClasses);
  EXPECT(memcmp(by_position, made.data, sizeof by_position) == 0);
  vitro_tensor_free(input);
  vitro_tensor_free(output);
}

static void test_refused_runs(const vitro_session* session) {
  static float logits[kBatch * kClasses];
  const vitro_view images = image_view(), out = float_view(logits, logit_dims, 2);
  const vitro_code invalid = VITRO_INVALID_ARGUMENT;
  EXPECT_FAILURE(vitro_session_run(session, NULL, 1, &out, 1), invalid, "inputs is NULL");
  EXPECT_FAILURE(vitro_session_run(session, NULL, 0, &out, 1), invalid, "0 inputs");
  EXPECT_FAILURE(vitro_session_run(session, &images, 1, NULL, 0), invalid, "0 outputs");
  vitro_view wrong = images;
  wrong.dtype = VITRO_UINT8;
  EXPECT_FAILURE(vitro_session_run(session, &wrong, 1, &out, 1), invalid, "are U8, not F32");
  wrong = images;
  wrong.device_type = VITRO_CUDA;
  EXPECT_FAILURE(vitro_session_run(session, &wrong, 1, &out, 1), invalid, "cuda:0");
  wrong = images;
  wrong.data = NULL;
  EXPECT_FAILURE(vitro_session_run(session, &wrong, 1, &out, 1), invalid, "data is NULL");
  const int64_t odd_dims[] = {1, 3, 63, 64};
  wrong = float_view(pixels, odd_dims, 4);
  EXPECT_FAILURE(vitro_session_run(session, &wrong, 1, &out, 1), invalid, "a multiple of 32");
  const int64_t few[] = {1, kClasses};
  wrong = float_view(logits, few, 2);
  EXPECT_FAILURE(vitro_session_run(session, &images, 1, &wrong, 1), invalid,
                 "F32 1x200, expected F32 2x200");

  const char* names[] = {"images", "images"};
  const char* unknown = "pixels";
  const char* output_name = "logits";
  const vitro_view twice[] = {image_view(), image_view()};
  EXPECT_FAILURE(vitro_session_run_named(session, &unknown, &images, 1, &output_name, &out, 1),
                 VITRO_NOT_FOUND, "no 'pixels'");
  EXPECT_FAILURE(vitro_session_run_named(session, names, twice, 2, &output_name, &out, 1), invalid,
                 "'images' is given twice");
  EXPECT_FAILURE(vitro_session_run_named(session, names, &images, 1, NULL, NULL, 0), invalid,
                 "'logits' is missing");
  vitro_run_options on_stream = VITRO_RUN_OPTIONS;
  on_stream.stream = &on_stream;
  EXPECT_FAILURE(vitro_session_run_with(session, &images, 1, &out, 1, &on_stream),
                 VITRO_UNSUPPORTED, "stream");
  vitro_tensor* output = NULL;
  EXPECT_FAILURE(vitro_session_run_tensors(session, NULL, 0, &output, 1), invalid, "0 inputs");
  EXPECT(output == NULL);
}

/* One caller of a session that others call too; what it finds is looked at when it has ended. */
struct caller {
  const vitro_session* session;
  pthread_t thread;
  float logits[kBatch * kClasses];
  int failed_runs;
  char error[256]; /* of a run that is refused */
};

static void* call_session(void* argument) {
  struct caller* self = argument;
  const vitro_view images = image_view(), out = float_view(self->logits, logit_dims, 2);
  for (int i = 0; i < 3; ++i) {
    vitro_view wrong = images;
    wrong.dtype = VITRO_UINT8;
    if (vitro_session_run(self->session, &images, 1, &out, 1) != VITRO_OK ||
        vitro_session_run(self->session, &wrong, 1, &out, 1) != VITRO_INVALID_ARGUMENT)
      ++self->failed_runs;
  }
  snprintf(self->error, sizeof self->error, "%s", vitro_last_error());
  return NULL;
}

static void test_callers(const vitro_session* session) {
  static struct caller callers[4];
  enum { kCallers = sizeof callers / sizeof callers[0] };
  for (int i = 0; i < kCallers; ++i) {
    callers[i].session = session;
    EXPECT(pthread_create(&callers[i].thread, NULL, call_session, &callers[i]) == 0);
  }
  for (int i = 0; i < kCallers; ++i) {
    EXPECT(pthread_join(callers[i].thread, NULL) == 0);
    EXPECT(callers[i].failed_runs == 0 && callers[i].logits[0] != 0.0f);
    EXPECT(memcmp(callers[i].logits, callers[0].logits, sizeof callers[0].logits) == 0);
    EXPECT(strstr(callers[i].error, "are U8, not F32") != NULL);
  }
}

static void test_memory_limit(vitro_plan* plan, vitro_session_options options) {
  vitro_session* session = NULL;
  options.max_memory = 1000;
  require_ok(vitro_session_create(plan, &options, &session));
  static float logits[kBatch * kClasses];
  const vitro_view images = image_view(), out = float_view(logits, logit_dims, 2);
  EXPECT_FAILURE(vitro_session_run(session, &images, 1, &out, 1), VITRO_OUT_OF_MEMORY,
                 "at most 1000 are allowed");
  vitro_session_free(session);
}

static void test_sessions(vitro_plan* plan) {
  vitro_session* session = NULL;
  vitro_session_options options = VITRO_SESSION_OPTIONS;
  options.backend = "tpu";
  EXPECT_FAILURE(vitro_session_create(plan, &options, &session), VITRO_NOT_FOUND, "tpu");
  options.backend = "cpu";
  options.fallback = "tpu";
  EXPECT_FAILURE(vitro_session_create(plan, &options, &session), VITRO_INVALID_ARGUMENT,
                 "fallback 'tpu'");
  options.fallback = "cpu";
  options.threads = -1;
  EXPECT_FAILURE(vitro_session_create(plan, &options, &session), VITRO_INVALID_ARGUMENT, "-1");
  options.threads = 2;
  options.streams = 2;
  options.precision = "fp8";
  EXPECT_FAILURE(vitro_session_create(plan, &options, &session), VITRO_INVALID_ARGUMENT,
                 "precision 'fp8'");
  options.precision = "fp32";
  options.device = 1;
  EXPECT_FAILURE(vitro_session_create(plan, &options, &session), VITRO_INVALID_ARGUMENT,
                 "device 1");
  options.device = 0;
  test_memory_limit(plan, options);
  require_ok(vitro_session_create(plan, &options, &session));
  vitro_plan_free(plan); /* the session has what it needs */
  test_description(session);
  test_runs(session);
  test_refused_runs(session);
  test_callers(session);
  vitro_session_free(session);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  for (int i = 0; i < kPixels; ++i) pixels[i] = (float)(i % 251) / 125.0f - 1.0f;
  test_errors();
  test_tensors();
  test_memory_of_others();
  vitro_plan* plan = build_and_load(argv[1], argv[2]);
  test_classes(plan);
  test_preprocessing(plan, argv[1]);
  test_sessions(plan);
  if (failures != 0) fprintf(stderr, "%d failures\n", failures);
  return failures != 0;
}
