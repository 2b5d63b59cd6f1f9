// ggml's mixtures on processors: peer_ggml FOLDER ROWS THREADS SECONDS OUTPUT [narrow]
// With `narrow` the experts' weights are bf16. Reads the weights of workload.py, writes the last call's answer as raw float32 and prints the
// median and the shortest time of a call in ms. With IK it is written for ik_llama.cpp's ggml: that has one operator for the products with
// gate and up and what follows them, and likes rows of bf16 best when they are interleaved.
#include "ggml.h"
#include "ggml-alloc.h"
#include "ggml-backend.h"
#ifndef IK
#include "ggml-cpu.h"
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LAYERS = 8, EXPERTS = 8, KEPT = 2, WIDTH = 512, HIDDEN = 1792 };

#ifdef IK
void iqk_repack_tensor(struct ggml_tensor *);

static struct ggml_tensor *silu_gated(struct ggml_context *c, struct ggml_tensor *inner, struct ggml_tensor *up, struct ggml_tensor *x,
                                      struct ggml_tensor *chosen) {
    return ggml_moe_up_gate(c, up, inner, x, chosen, GGML_UNARY_OP_SILU);
}
#else
static void iqk_repack_tensor(struct ggml_tensor *as_it_is) { (void)as_it_is; }

static struct ggml_tensor *silu_gated(struct ggml_context *c, struct ggml_tensor *inner, struct ggml_tensor *up, struct ggml_tensor *x,
                                      struct ggml_tensor *chosen) {
    return ggml_swiglu_split(c, ggml_mul_mat_id(c, inner, x, chosen), ggml_mul_mat_id(c, up, x, chosen));
}
#endif

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static FILE *weights;
static long data;

// The next matrices of the file, each turned round: it holds [in, out], the library wants rows of [out].
static void turned(struct ggml_tensor *to, int count, long in, long out, long offset) {
    long size = to->type == GGML_TYPE_BF16 ? 2 : 4;
    char *from = malloc(size * in * out), *whole = malloc(size * in * out * count);
    fseek(weights, data + offset, SEEK_SET);
    for (int matrix = 0; matrix < count; matrix++) {
        if (fread(from, size, in * out, weights) != (size_t)(in * out)) exit(3);
        for (long i = 0; i < in; i++)
            for (long o = 0; o < out; o++)
                memcpy(whole + ((matrix * out + o) * in + i) * size, from + (i * out + o) * size, size);
    }
    ggml_backend_tensor_set(to, whole, 0, ggml_nbytes(to));
    if (size == 2) iqk_repack_tensor(to);
    free(from);
    free(whole);
}

int main(int count, char **words) {
    if (count < 6) return 2;
    int rows = atoi(words[2]), threads = atoi(words[3]);
    double seconds = atof(words[4]);
    char path[4096];
    int narrow = count > 6 && !strcmp(words[6], "narrow");
    enum ggml_type type = narrow ? GGML_TYPE_BF16 : GGML_TYPE_F32;
    snprintf(path, sizeof path, "%s/%s.safetensors", words[1], narrow ? "narrow" : "weights");
    uint64_t header;
    if (!(weights = fopen(path, "rb")) || fread(&header, 8, 1, weights) != 1) return 3;
    data = 8 + (long)header;

    ggml_backend_t backend = ggml_backend_cpu_init();
    ggml_backend_cpu_set_n_threads(backend, threads);
    struct ggml_init_params only_names = {64 << 20, NULL, true};
    struct ggml_context *held = ggml_init(only_names);
    struct ggml_tensor *gate[LAYERS], *inner[LAYERS], *up[LAYERS], *down[LAYERS];
    for (int l = 0; l < LAYERS; l++) {
        gate[l] = ggml_new_tensor_2d(held, GGML_TYPE_F32, WIDTH, EXPERTS);
        inner[l] = ggml_new_tensor_3d(held, type, WIDTH, HIDDEN, EXPERTS);
        up[l] = ggml_new_tensor_3d(held, type, WIDTH, HIDDEN, EXPERTS);
        down[l] = ggml_new_tensor_3d(held, type, HIDDEN, WIDTH, EXPERTS);
    }
    ggml_backend_buffer_t memory = ggml_backend_alloc_ctx_tensors(held, backend);
    ggml_backend_buffer_set_usage(memory, GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
    long gates = 4l * WIDTH * EXPERTS, experts = (narrow ? 2l : 4l) * EXPERTS * WIDTH * HIDDEN;
    for (int l = 0; l < LAYERS; l++) {
        long at = LAYERS * gates;
        turned(gate[l], 1, WIDTH, EXPERTS, l * gates);
        turned(inner[l], EXPERTS, WIDTH, HIDDEN, at + l * experts);
        turned(up[l], EXPERTS, WIDTH, HIDDEN, at + (LAYERS + l) * experts);
        turned(down[l], EXPERTS, HIDDEN, WIDTH, at + (2 * LAYERS + l) * experts);
    }

    struct ggml_context *c = ggml_init(only_names);
    struct ggml_tensor *x = ggml_new_tensor_2d(c, GGML_TYPE_F32, WIDTH, rows), *y = x;
    ggml_set_input(x);
    ggml_set_output(x); // Else what comes later is written over it, and calls after the first have another input.
    for (int l = 0; l < LAYERS; l++) {
        struct ggml_tensor *scores = ggml_mul_mat(c, gate[l], y);
        struct ggml_tensor *chosen = ggml_top_k(c, scores, KEPT);
        struct ggml_tensor *best = ggml_get_rows(c, ggml_reshape_3d(c, scores, 1, EXPERTS, rows), chosen);
        struct ggml_tensor *shares = ggml_soft_max(c, ggml_reshape_2d(c, best, KEPT, rows));
        struct ggml_tensor *each = ggml_reshape_3d(c, y, WIDTH, 1, rows);
        struct ggml_tensor *hidden = silu_gated(c, inner[l], up[l], each, chosen);
        struct ggml_tensor *out = ggml_mul_mat_id(c, down[l], hidden, chosen);
        out = ggml_mul(c, out, ggml_reshape_3d(c, shares, 1, KEPT, rows));
        for (int k = 0; k < KEPT; k++)
            y = ggml_add(c, y, ggml_view_2d(c, out, WIDTH, rows, out->nb[2], k * out->nb[1]));
    }
    ggml_set_output(y);
    struct ggml_cgraph *graph = ggml_new_graph(c);
    ggml_build_forward_expand(graph, y);
    ggml_gallocr_t allocator = ggml_gallocr_new(ggml_backend_get_default_buffer_type(backend));
    ggml_gallocr_alloc_graph(allocator, graph);

    float *values = malloc(4l * WIDTH * rows);
    snprintf(path, sizeof path, "%s/x%d.npy", words[1], rows);
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 128, SEEK_SET) || fread(values, 4l * WIDTH, rows, file) != (size_t)rows) return 3;
    fclose(file);
    ggml_backend_tensor_set(x, values, 0, 4l * WIDTH * rows);
    ggml_backend_graph_compute(backend, graph);

    static double taken[10000];
    int done = 0;
    for (double end = now() + seconds; done < 10000 && (done < 3 || now() < end);) {
        double begin = now();
        ggml_backend_graph_compute(backend, graph);
        taken[done++] = now() - begin;
    }
    ggml_backend_tensor_get(y, values, 0, 4l * WIDTH * rows);
    if (!(file = fopen(words[5], "wb")) || fwrite(values, 4l * WIDTH, rows, file) != (size_t)rows) return 3;
    fclose(file);
    qsort(taken, done, sizeof *taken, ascending);
    printf("%.4f %.4f\n", taken[done / 2] * 1e3, taken[0] * 1e3);
    return 0;
}
