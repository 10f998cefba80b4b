/* Reads inputs from .npy files, checked against the program's parameters, and makes room for its outputs. */
#include <stdlib.h>
#include <string.h>

#include "cli/arrays.h"

static ts_status make(int count, ts_arrays *arrays, ts_diag *diag) {
    arrays->array = calloc((size_t)count + 1, sizeof *arrays->array);
    arrays->data = calloc((size_t)count + 1, sizeof *arrays->data);
    arrays->extent = calloc((size_t)count + 1, sizeof *arrays->extent);
    if (!arrays->array || !arrays->data || !arrays->extent)
        return ts_fail(diag, ts_capacity, "no host memory for %d arrays", count);
    arrays->count = count;
    return ts_ok;
}

/* NumPy has no bf16 or f8, so these are stored as bits, or in the form that ml_dtypes writes. */
bool ts_array_is(const ts_npy *array, ts_dtype dtype) {
    const char *descr = array->descr;
    if (strcmp(descr, ts_dtype_get(dtype)->npy) == 0) return true;
    switch (dtype) {
    case ts_dtype_bf16: return strcmp(descr, "V2") == 0;
    case ts_dtype_f8e4m3:
    case ts_dtype_f8e5m2:
    case ts_dtype_f8e3m4:
    case ts_dtype_f8e4m3fn: return strcmp(descr, "V1") == 0 || strcmp(descr, "f1") == 0;
    default: return false;
    }
}

static bool is_shape(const ts_npy *array, const ts_tensor *tensor) {
    if (array->rank != tensor->rank) return false;
    for (int i = 0; i < array->rank; i++)
        if (array->dim[i] != tensor->dim[i]) return false;
    return true;
}

/* The name of an array's dtype in programs ("f64" for "f8"), or NumPy's own when there is none. */
static const char *dtype_name(const ts_npy *array) {
    for (unsigned d = ts_dtype_i8; d < ts_dtype_count; d++) {
        const ts_dtype_info *info = ts_dtype_get(d);
        bool is_bits = info->kind == 'f' && info->npy[0] == 'u';
        if (!is_bits && strcmp(info->npy, array->descr) == 0) return info->name;
    }
    return strcmp(array->descr, "b1") == 0 ? "i1" : array->descr;
}

static const char *storage(ts_dtype dtype) {
    const ts_dtype_info *info = ts_dtype_get(dtype);
    if (info->kind == 'f' && info->npy[0] == 'u') return info->bytes == 2 ? "uint16 bits" : "uint8 bits";
    return NULL;
}

static ts_status fail_array(const ts_tensor *tensor, int number, const char *path, const ts_npy *array,
                            ts_diag *diag) {
    ts_text wanted = {0}, got = {0};
    ts_tensor_add(&wanted, tensor);
    ts_text_format(&got, "%s ", dtype_name(array));
    ts_dims_add(&got, array->dim, array->rank);
    const char *bits = storage(tensor->dtype);
    ts_fail(diag, ts_input, "input %d (%s) is %s%s%s%s, but %.200s holds %s", number, tensor->name,
            wanted.data, bits ? " (as " : "", bits ? bits : "", bits ? ")" : "", path, got.data);
    if (!is_shape(array, tensor))
        ts_diag_remedy(diag,
                       "inputs are given in the order of the program's arguments, each of its exact shape");
    else if (bits)
        ts_diag_remedy(diag, "save the array's bits: np.save(path, x.view(np.uint%d))",
                       bits[4] == '1' ? 16 : 8);
    else
        ts_diag_remedy(diag, "convert it before np.save");
    ts_text_free(&wanted);
    ts_text_free(&got);
    return ts_input;
}

ts_status ts_array_check_bools(int number, const char *path, const ts_npy *array, ts_diag *diag) {
    for (size_t i = 0; i < array->bytes; i++)
        if (array->data[i] > 1) {
            ts_fail(diag, ts_input, "input %d: %.200s has byte %d at element %zu, a bool is 0 or 1", number,
                    path, array->data[i], i);
            ts_diag_remedy(diag, "save x.astype(bool)");
            return ts_input;
        }
    return ts_ok;
}

static ts_status fail_count(const ts_executable *executable, const char *program, int given, ts_diag *diag) {
    int count = ts_executable_inputs(executable);
    ts_text list = {0};
    for (int i = 0; i < count && list.length < 200; i++) {
        const ts_tensor *tensor = ts_executable_input(executable, i);
        ts_text_format(&list, "%s%s ", i ? ", " : ": ", tensor->name);
        ts_tensor_add(&list, tensor);
        if (list.length >= 200 && i + 1 < count) ts_text_add(&list, ", ...");
    }
    ts_fail(diag, ts_input, "%.150s takes %d input%s, %d given%s", program, count, count == 1 ? "" : "s",
            given, list.data ? list.data : "");
    ts_diag_remedy(diag, "give one .npy file for each input: --input FILE...");
    ts_text_free(&list);
    return ts_input;
}

ts_status ts_arrays_read(const ts_session *session, const char *program, int device, const ts_words *paths,
                         ts_arrays *arrays, ts_diag *diag) {
    const ts_executable *executable = session->executable;
    *arrays = (ts_arrays){.is_owner = true};
    int core, count = ts_executable_inputs(executable);
    if ((uint32_t)count != paths->count) return fail_count(executable, program, (int)paths->count, diag);
    TS_TRY(make(count, arrays, diag));
    arrays->machine = ts_runtime_machine(session->runtime, device, &core);
    for (int i = 0; i < count; i++) {
        const ts_tensor *tensor = ts_executable_input(executable, i);
        ts_npy *array = &arrays->array[i];
        TS_TRY(ts_npy_read(paths->data[i], array, diag));
        if (!is_shape(array, tensor) || !ts_array_is(array, tensor->dtype))
            return fail_array(tensor, i, paths->data[i], array, diag);
        if (array->bytes != tensor->bytes)
            return ts_fail(diag, ts_input, "%s: %zu bytes, the program's tensor has %llu", paths->data[i],
                           array->bytes, (unsigned long long)tensor->bytes);
        if (tensor->dtype == ts_dtype_i1) TS_TRY(ts_array_check_bools(i, paths->data[i], array, diag));
        TS_TRY(ts_hbm_import(arrays->machine, core, array->data, array->bytes, &arrays->extent[i], diag));
        arrays->data[i] = array->data;
    }
    return ts_ok;
}

ts_status ts_arrays_for_outputs(const ts_session *session, int device, ts_arrays *arrays, ts_diag *diag) {
    *arrays = (ts_arrays){0};
    int core;
    TS_TRY(make(ts_executable_outputs(session->executable), arrays, diag));
    arrays->machine = ts_runtime_machine(session->runtime, device, &core);
    for (int i = 0; i < arrays->count; i++) {
        const ts_tensor *tensor = ts_executable_output(session->executable, i);
        ts_npy *array = &arrays->array[i];
        const char *descr = ts_dtype_get(tensor->dtype)->npy;
        memcpy(array->descr, descr, strlen(descr) + 1);
        array->rank = tensor->rank;
        memcpy(array->dim, tensor->dim, sizeof tensor->dim[0] * tensor->rank);
        array->bytes = tensor->bytes;
        TS_TRY(ts_hbm_alloc(arrays->machine, core, tensor->bytes, &arrays->extent[i], diag));
        array->data = arrays->extent[i]->host;
        arrays->data[i] = array->data;
    }
    return ts_ok;
}

void ts_arrays_free(ts_arrays *arrays) {
    for (int i = 0; i < arrays->count; i++) {
        if (arrays->extent[i]) ts_hbm_free(arrays->machine, arrays->extent[i]);
        if (arrays->is_owner) ts_npy_free(&arrays->array[i]);
    }
    free(arrays->array);
    free(arrays->data);
    free(arrays->extent);
    *arrays = (ts_arrays){0};
}
