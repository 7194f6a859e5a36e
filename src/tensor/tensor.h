/* SPDX-License-Identifier: Apache-2.0
 *
 * tensor: shapes, element types, bf16, safetensors files, devices. Layer 1.
 *
 * A Tensor is a dense, row-major view; it owns nothing. Activations are channels last everywhere: pictures [B, H, W,
 * C], clips [B, T, H, W, C], tokens [B, N, D]. Weights keep their published layout (PyTorch's), see kernels.h.
 */
#ifndef JIG_TENSOR_H
#define JIG_TENSOR_H

#include "base/base.h"

typedef enum DType { JIG_F32, JIG_BF16, JIG_F16, JIG_I32, JIG_I64, JIG_U8, JIG_DTYPES } DType;

#define SHAPE_MAX 6
typedef struct Shape {
    int n;                 /* number of axes; 0 = a scalar */
    int64_t d[SHAPE_MAX];  /* d[0] outermost */
} Shape;

#define SHAPE_COUNT(...) ((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)))
#define SHAPE(...) shape_make(SHAPE_COUNT(__VA_ARGS__), (const int64_t[]){__VA_ARGS__})

Shape   shape_make(int n, const int64_t *d);
int64_t shape_count(Shape s);                 /* elements */
bool    shape_equal(Shape a, Shape b);
const char *shape_text(Shape s, char buf[96]); /* "[1, 40, 32, 32, 3]" */

size_t      dtype_size(DType t);
const char *dtype_name(DType t); /* safetensors' names: "F32", "BF16", ... */

typedef struct Tensor { DType type; Shape shape; void *data; } Tensor;
size_t tensor_bytes(const Tensor *t);

uint16_t bf16_from_f32(float x); /* round to nearest even, NaN kept */
float    bf16_to_f32(uint16_t x);
float    f16_to_f32(uint16_t x);
uint16_t f16_from_f32(float x);
void     tensor_convert(DType to, void *out, DType from, const void *in, int64_t n);

/* ---- safetensors (safetensors.c) ------------------------------------------------------------------------------------
 * https://github.com/huggingface/safetensors: u64 header length, JSON header, data. Read by mapping: nothing is copied.
 * The header is checked wholly on open (lengths, overlaps, holes, dtype against shape, at most 100 MB). */
typedef struct SafeTensors SafeTensors;
SafeTensors *safetensors_open(const char *path, Err *e);
/* The same for published weights, by content: safetensors, or a file of PyTorch's (.pt, .pth, .bin; zip or the older
 * stream), of which tensors and plain containers are read and nothing is run (torch_file.c). Names are the keys on the
 * way to a tensor, joined by dots; numbers and texts of the outermost dictionary are metadata. F64 becomes F32, I16
 * and I8 become I32. */
SafeTensors *weights_open(const char *path, Err *e);
bool         weights_is(const char *path); /* looks like one of these files, by its first bytes */
void         safetensors_close(SafeTensors *st);
int          safetensors_count(const SafeTensors *st);
const char  *safetensors_name(const SafeTensors *st, int i);
Tensor       safetensors_tensor(const SafeTensors *st, int i);
bool         safetensors_find(const SafeTensors *st, const char *name, Tensor *out);
const char  *safetensors_meta(const SafeTensors *st, const char *key); /* NULL when absent */
int          safetensors_meta_count(const SafeTensors *st);
void         safetensors_meta_at(const SafeTensors *st, int i, const char **key, const char **value);

typedef struct NamedTensor { const char *name; Tensor t; } NamedTensor;
typedef struct MetaPair { const char *key, *value; } MetaPair;
/* Written beside its place and renamed. Named in the given order; the data begins 64-byte aligned and lies with the
 * wide types first, so that each tensor is aligned for its type (the format allows no holes, other readers refuse
 * them). */
bool safetensors_write(const char *path, const NamedTensor *ts, int n, const MetaPair *meta, int n_meta, Err *e);

/* ---- devices (device.c) ---------------------------------------------------------------------------------------------
 * The one file with #if HAVE_...: which backends this build has. */
typedef struct Kernels Kernels; /* kernels.h */
typedef struct Device {
    const char *name;        /* "ref", "cpu", "cuda" */
    DType fast;              /* compute type that is fastest here: JIG_F32 or JIG_BF16, found at run time */
    const Kernels *k;
    void *(*alloc)(size_t bytes); /* NULL when it cannot be had; 64-byte aligned */
    void (*release)(void *p);
    void (*upload)(void *device, const void *host, size_t bytes);
    void (*download)(void *host, const void *device, size_t bytes);
    void (*sync)(void);
} Device;
const Device *device_open(const char *name, Err *e); /* "auto", "cpu", "ref"; NULL and a message naming what there is */

#endif
