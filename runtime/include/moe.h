/* A model compiled by moe, as C and whatever calls C sees it.
 *
 * A model is a program with its weights: it never changes, and any number of threads may use it at the same time. A
 * context is what one caller needs to run it: scratch memory, the state kept from step to step, threads. Contexts on one
 * model may run at the same time; one context serves one thread at a time.
 *
 * Functions that can fail return a status, and fill in the message if they are given one. Nothing is kept in globals. A
 * library serves its own model: handles of one library mean nothing to another.
 */
#ifndef MOE_H
#define MOE_H

#ifndef MOE_TYPES
#define MOE_TYPES

#include <stdint.h>

/* How a call went. */
enum {
    MOE_OK = 0,     /* all is well */
    MOE_WRONG = 1,  /* the weights or inputs are wrong, or a kernel stopped */
    MOE_MISUSE = 2, /* the function was called wrongly */
    MOE_BUG = 101   /* a mistake of ours */
};

/* What an entry of a tensor is. Tensors are row-major and little-endian; a bool is one byte, 0 or 1. */
enum {
    MOE_F64 = 0,
    MOE_F32 = 1,
    MOE_BF16 = 2,
    MOE_F16 = 3,
    MOE_I64 = 4,
    MOE_I32 = 5,
    MOE_I8 = 6,
    MOE_U64 = 7,
    MOE_U32 = 8,
    MOE_U8 = 9,
    MOE_BOOL = 10
};

/* What went wrong: a code such as "E0807", which `moe explain` explains, and words. Both end with a 0. */
typedef struct {
    char code[8];
    char text[1016];
} moe_message;

/* A tensor in memory. The entries of inputs are only read. */
typedef struct {
    int32_t element;       /* MOE_F32, … */
    uint32_t rank;         /* how many axes */
    const uint64_t *shape; /* their sizes; may be null where there are none */
    void *data;            /* the entries; may be null where there are none */
} moe_tensor;

/* What a model says of an input or output. It lives as long as the model. */
typedef struct {
    const char *name;
    int32_t element;         /* MOE_F32, … */
    uint32_t rank;           /* how many axes */
    const char *const *axes; /* their names */
    const int64_t *sizes;    /* their sizes, -1 where the inputs decide */
} moe_description;

typedef struct moe_model moe_model;
typedef struct moe_context moe_context;

#endif /* MOE_TYPES */

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the compiler that made this. */
const char *moe_version(void);

/* Opens the model: maps the .safetensors file `weights` (null: the weights inside the library), checks it, and brings the
 * weights into the form that the kernels read, with so many threads (0: as MOE_THREADS says, else one for each core). */
int32_t moe_model_open(const char *weights, uint32_t threads, moe_model **model, moe_message *message);

/* Closes it. Contexts on it may live on. Null is let be. */
void moe_model_close(moe_model *model);

/* Its name, inputs and outputs; null, 0 and MOE_MISUSE for what there is not. */
const char *moe_model_name(const moe_model *model);
uint64_t moe_model_input_count(const moe_model *model);
uint64_t moe_model_output_count(const moe_model *model);
int32_t moe_model_input(const moe_model *model, uint64_t index, moe_description *description);
int32_t moe_model_output(const moe_model *model, uint64_t index, moe_description *description);

/* Opens a context with so many threads (0: as above). Its state is at its beginning. */
int32_t moe_context_open(const moe_model *model, uint32_t threads, moe_context **context, moe_message *message);

/* Closes it. Null is let be. */
void moe_context_close(moe_context *context);

/* Brings the state back to its beginning. */
int32_t moe_context_reset(moe_context *context);

/* Writes the shape of output `index` for inputs of these shapes to `shape`, which has room for `rank` sizes: as many as
 * the output has axes. Of the inputs only the entries of offsets are looked at (the input of a ragged axis); others may be null. */
int32_t moe_context_output_shape(moe_context *context, const moe_tensor *inputs, uint64_t input_count, uint64_t index,
                                 uint64_t *shape, uint32_t rank, moe_message *message);

/* One step. `outputs` are filled in; what they point at belongs to the context, and lives until its next step, or until it
 * is closed. */
int32_t moe_context_run(moe_context *context, const moe_tensor *inputs, uint64_t input_count, moe_tensor *outputs,
                        uint64_t output_count, moe_message *message);

/* One step, with outputs written to the caller's memory: `outputs` say where, and of which element types and shapes. They
 * do not overlap each other or the inputs. */
int32_t moe_context_run_into(moe_context *context, const moe_tensor *inputs, uint64_t input_count,
                             const moe_tensor *outputs, uint64_t output_count, moe_message *message);

#ifdef __cplusplus
}
#endif

#endif /* MOE_H */
