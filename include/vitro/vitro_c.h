#pragma once

/* The C interface of Vitro, in C11. docs/c-api.md has the rules in short and an example.
 *
 * - What can fail returns a vitro_code; results come through the last parameters, which are written
 *   only on success. vitro_last_error() then says what failed.
 * - An object belongs to whoever created it, until it is given to its *_free function, which takes
 *   NULL too. Objects share what they need: a plan may be freed before its sessions.
 * - Text is UTF-8, ends with NUL and lives as long as the object it was asked of.
 * - Plans and sessions may be used by any number of threads at once, tensors read by them.
 * - Constants keep their values. Structs with a `size` may grow at the end. */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of dlpack.h, which is needed only by programs that fill or read them. */
struct DLManagedTensor;
struct DLManagedTensorVersioned;

typedef struct vitro_plan vitro_plan;       /* a compiled model */
typedef struct vitro_session vitro_session; /* what runs it */
typedef struct vitro_tensor vitro_tensor;   /* dims, element type and memory */

/* ---- Errors ---- */

typedef int32_t vitro_code;
enum {
  VITRO_OK = 0,
  VITRO_INVALID_ARGUMENT = 1, /* a value that can never work */
  VITRO_UNSUPPORTED = 2,      /* valid, but Vitro has no implementation for it */
  VITRO_NOT_FOUND = 3,        /* a file, class or tensor that does not exist */
  VITRO_CORRUPT_FILE = 4,     /* bytes that do not follow their format */
  VITRO_OUT_OF_MEMORY = 5,
  VITRO_DEVICE_ERROR = 6, /* the operating system or an accelerator refused */
  VITRO_INTERNAL = 7      /* a bug in Vitro: please report it */
};

/* What the last failure in this thread was about, and what to try next. Never NULL; empty when
 * there is nothing to say. Valid until the next failure in this thread. */
const char* vitro_last_error(void);
const char* vitro_last_hint(void);

/* "0.1.0" */
const char* vitro_version(void);

/* ---- Tensors ---- */

typedef int32_t vitro_dtype;
enum {
  VITRO_FLOAT32 = 0,
  VITRO_FLOAT16 = 1,
  VITRO_BFLOAT16 = 2,
  VITRO_FLOAT64 = 3,
  VITRO_INT64 = 4,
  VITRO_INT32 = 5,
  VITRO_INT16 = 6,
  VITRO_INT8 = 7,
  VITRO_UINT8 = 8,
  VITRO_BOOL = 9,
  VITRO_FLOAT8_E4M3 = 10,
  VITRO_FLOAT8_E5M2 = 11,
  VITRO_UINT16 = 12,
  VITRO_UINT32 = 13,
  VITRO_UINT64 = 14
};

typedef int32_t vitro_device_type;
enum {
  VITRO_CPU = 0,
  VITRO_CUDA = 1,     /* memory of one GPU */
  VITRO_CUDA_HOST = 2 /* memory of the host, page-locked for transfers to a GPU */
};

/* Where the elements of a tensor are: dense, row-major, aligned for their type. */
typedef struct vitro_view {
  void* data;          /* only read where the view is an input */
  const int64_t* dims; /* extents, outermost first; NULL when rank is 0 */
  int32_t rank;
  vitro_dtype dtype;
  vitro_device_type device_type;
  int32_t device_index;
} vitro_view;

/* Zero-filled, in memory of the host. */
vitro_code vitro_tensor_create(vitro_dtype dtype, const int64_t* dims, int32_t rank,
                               vitro_tensor** tensor);
/* Memory of the caller, without a copy. When the tensor and all that shares it are gone,
 * release(context) is called, unless release is NULL. After a failure it is not called. */
vitro_code vitro_tensor_wrap(const vitro_view* view, void (*release)(void* context), void* context,
                             vitro_tensor** tensor);
/* A view that is valid as long as the tensor. */
vitro_code vitro_tensor_view(const vitro_tensor* tensor, vitro_view* view);
void vitro_tensor_free(vitro_tensor* tensor);

/* DLPack, without a copy. A tensor that was taken over belongs to Vitro, which calls its deleter;
 * after a failure it still belongs to the caller. What vitro_tensor_to_dlpack() makes shares the
 * memory until its deleter is called. */
vitro_code vitro_tensor_from_dlpack(struct DLManagedTensor* managed, vitro_tensor** tensor);
vitro_code vitro_tensor_from_dlpack_versioned(struct DLManagedTensorVersioned* managed,
                                              vitro_tensor** tensor);
vitro_code vitro_tensor_to_dlpack(const vitro_tensor* tensor, struct DLManagedTensor** managed);
vitro_code vitro_tensor_to_dlpack_versioned(const vitro_tensor* tensor,
                                            struct DLManagedTensorVersioned** managed);

/* ---- Plans ---- */

/* Zero or NULL in a field stands for its default. Begin with VITRO_BUILD_OPTIONS. */
typedef struct vitro_build_options {
  size_t size;             /* sizeof(vitro_build_options) */
  const char* arch;        /* architecture; default: from the checkpoint */
  const char* arch_params; /* what the tensors do not tell: "head_dim=32" */
  int64_t height;          /* default input size; default: from the checkpoint, else 224 */
  int64_t width;           /* as height */
  const char* dump_ir;     /* folder for the graph after each pass; default: none */
  vitro_dtype weights;     /* matrices are stored as VITRO_FLOAT32 or VITRO_BFLOAT16 */
  const char* weights_key; /* which of several models in a checkpoint: "state_dict_ema" */
  /* Preprocessing and labels; default: from the checkpoint, else as UniFormer's authors evaluate.
   */
  double crop_pct;           /* part of the resized picture that is kept, 0.01 to 1 */
  const char* crop_mode;     /* "center", "squash" or "border" */
  const char* interpolation; /* "bilinear", "bicubic" or "lanczos" */
  const float* mean;         /* of R, G, B, of values from 0 to 1 */
  const float* std;          /* as mean */
  const char* labels;        /* a list of classes: lines of "id<TAB>name", JSON, ... */
  /* Products in 8 bits, of vitro_plan_build() alone; default: none. docs/quantization.md says more.
   */
  vitro_dtype quantize;           /* VITRO_INT8 or VITRO_FLOAT8_E4M3 */
  const char* calibration;        /* what 'vitro calibrate' wrote, TensorRT's cache, or pictures: a
                                   * folder, or a list with a path a line */
  const char* calibration_method; /* "output-mse" (default), "mse", "percentile", "entropy" or
                                   * "minmax" */
  const char* layer_precisions;   /* "blocks4.*.mlp.fc2:fp32,head:int8" */
  const char* bias_correction;    /* "none", "rounding" (default) or "sequential" */
  const char* bias_images;        /* pictures of a sequential one; default: those of calibration */
  int pixels; /* not 0: the input is uint8 pictures [batch, height, width, 3]; x / 255, mean and std
               * become a part of the model */
} vitro_build_options;
#define VITRO_BUILD_OPTIONS                                                                        \
  {                                                                                                \
    sizeof(vitro_build_options), NULL, NULL, 0, 0, NULL, VITRO_FLOAT32, NULL, 0, NULL, NULL, NULL, \
        NULL, NULL, VITRO_FLOAT32, NULL, NULL, NULL, NULL, NULL, 0                                 \
  }

/* A plan file. Every byte is checked. */
vitro_code vitro_plan_load(const char* path, vitro_plan** plan);
/* Compiles a checkpoint (.safetensors, .pth, or the index or folder of a sharded one). `options`
 * may be NULL. */
vitro_code vitro_plan_build(const char* checkpoint, const vitro_build_options* options,
                            vitro_plan** plan);
/* A plan file is loaded, anything else is built. Of the options size, preprocessing and labels
 * count for a plan too. */
vitro_code vitro_plan_load_or_build(const char* model, const vitro_build_options* options,
                                    vitro_plan** plan);
/* Whole or not at all. */
vitro_code vitro_plan_save(const vitro_plan* plan, const char* path);
void vitro_plan_free(vitro_plan* plan);

/* These are of classifiers; for other models they return VITRO_UNSUPPORTED. */

/* The number of classes, and the text and the id of one, which are empty when the plan has none. */
vitro_code vitro_plan_num_classes(const vitro_plan* plan, int64_t* count);
vitro_code vitro_plan_label(const vitro_plan* plan, int64_t class_index, const char** label);
vitro_code vitro_plan_label_id(const vitro_plan* plan, int64_t class_index, const char** id);

/* A picture (JPEG, PNG, WebP, GIF, BMP, TIFF) as the model wants it: a new tensor of float32 and
 * dims [1, 3, height, width]. `name` stands for the picture in error messages. */
vitro_code vitro_plan_preprocess_file(const vitro_plan* plan, const char* path,
                                      vitro_tensor** image);
vitro_code vitro_plan_preprocess_bytes(const vitro_plan* plan, const void* bytes, size_t num_bytes,
                                       const char* name, vitro_tensor** image);

/* ---- Sessions ---- */

/* Zero or NULL in a field stands for its default. Begin with VITRO_SESSION_OPTIONS. */
typedef struct vitro_session_options {
  size_t size;         /* sizeof(vitro_session_options) */
  const char* backend; /* "cpu" or "reference"; default: the best one here */
  int32_t threads;     /* per run; default: one for each available core */
  int32_t streams;     /* runs at once; default: as many as fit on the available cores */
  /* "cpu": what runs the ops that the backend refuses, and everything when the backend cannot be
   * used here; default: nothing does */
  const char* fallback;
  int32_t device;        /* which GPU, as CUDA numbers them */
  const char* precision; /* "fp32", "tf32", "fp16" or "bf16"; default: the backend's */
  /* Bytes that the weights in all forms and the working memory of all streams may take; inputs of
   * a shape that needs more are VITRO_OUT_OF_MEMORY. Default: no limit */
  size_t max_memory;
} vitro_session_options;
#define VITRO_SESSION_OPTIONS \
  { sizeof(vitro_session_options), NULL, 0, 0, NULL, 0, NULL, 0 }

/* The extents that a dimension may have: multiples of `multiple` from `min` to `max`. */
typedef struct vitro_dim_range {
  const char* name; /* "batch"; may be empty */
  int64_t min, max, multiple;
} vitro_dim_range;

typedef struct vitro_io_info {
  const char* name;
  vitro_dtype dtype;
  int32_t rank;
  const vitro_dim_range* dims; /* [rank], outermost first */
} vitro_io_info;

/* `options` may be NULL. */
vitro_code vitro_session_create(const vitro_plan* plan, const vitro_session_options* options,
                                vitro_session** session);
void vitro_session_free(vitro_session* session);

/* The name of the backend that was chosen. */
vitro_code vitro_session_backend(const vitro_session* session, const char** name);
vitro_code vitro_session_num_inputs(const vitro_session* session, size_t* count);
vitro_code vitro_session_num_outputs(const vitro_session* session, size_t* count);
/* Valid as long as the session. */
vitro_code vitro_session_input(const vitro_session* session, size_t index,
                               const vitro_io_info** info);
vitro_code vitro_session_output(const vitro_session* session, size_t index,
                                const vitro_io_info** info);

/* Compiles for these dims and allocates the memory of one run now, not in the first run. The data
 * of the views is not looked at. */
vitro_code vitro_session_prepare(const vitro_session* session, const vitro_view* inputs,
                                 size_t num_inputs);
/* Runs on memory of the caller: every input and output, in the order of vitro_session_input() and
 * vitro_session_output(). The dims of outputs must be those that the inputs lead to. */
vitro_code vitro_session_run(const vitro_session* session, const vitro_view* inputs,
                             size_t num_inputs, const vitro_view* outputs, size_t num_outputs);
/* Zero or NULL in a field stands for its default. Begin with VITRO_RUN_OPTIONS. */
typedef struct vitro_run_options {
  size_t size;  /* sizeof(vitro_run_options) */
  void* stream; /* a cudaStream_t of the session's GPU, where the run is enqueued and not waited
                   for; default: a stream of the session, which the call waits for */
} vitro_run_options;
#define VITRO_RUN_OPTIONS \
  { sizeof(vitro_run_options), NULL }

/* As vitro_session_run(). With a stream, results are there when the stream has come so far; until
 * then views must stay valid and unchanged and the stream must exist. They must be of
 * VITRO_CUDA or VITRO_CUDA_HOST memory. VITRO_CUDA views that come again, at multiples of 64 bytes
 * and without an output that overlaps another view, are read and written in place from the third
 * call on; others are copied on the GPU. `options` may be NULL. */
vitro_code vitro_session_run_with(const vitro_session* session, const vitro_view* inputs,
                                  size_t num_inputs, const vitro_view* outputs, size_t num_outputs,
                                  const vitro_run_options* options);
/* The same, in any order: input_names[i] says which input inputs[i] is. */
vitro_code vitro_session_run_named(const vitro_session* session, const char* const* input_names,
                                   const vitro_view* inputs, size_t num_inputs,
                                   const char* const* output_names, const vitro_view* outputs,
                                   size_t num_outputs);
/* Makes the outputs: outputs[0 .. num_outputs) are new tensors. */
vitro_code vitro_session_run_tensors(const vitro_session* session,
                                     const vitro_tensor* const* inputs, size_t num_inputs,
                                     vitro_tensor** outputs, size_t num_outputs);

#ifdef __cplusplus
}
#endif
