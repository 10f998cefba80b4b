/* safetensors files: 8 bytes with the header's length, the header, and the tensors' bytes one after the
   other. */
#include "base/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/unit.h"

enum { PREAMBLE = 8, MAX_HEADER = 100 << 20 /* the format's limit */, ALIGNMENT = 8 };

int ts_stored_size(const char *dtype) {
    static const struct {
        const char *word;
        int size;
    } rows[] = {{"BOOL", 1}, {"U8", 1},  {"I8", 1},   {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"U16", 2},
                {"I16", 2},  {"F16", 2}, {"BF16", 2}, {"U32", 4},     {"I32", 4},     {"F32", 4},
                {"U64", 8},  {"I64", 8}, {"F64", 8},  {"C64", 8}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].word, dtype) == 0) return rows[i].size;
    return 0;
}

static ts_status bad(ts_diag *diag, const char *path, const char *name, const char *what) {
    return ts_fail(diag, ts_input, "%.200s: tensor \"%.100s\" %s", path, name, what);
}

static bool is_size(const ts_json *json) {
    return json->kind == ts_json_number && json->is_integer && json->integer >= 0;
}

static ts_status read_shape(const ts_json *shape, const char *path, ts_stored *tensor, size_t size,
                            ts_diag *diag) {
    bool is_empty = false;
    if (!shape || shape->kind != ts_json_array || shape->count > TS_STORED_RANK)
        return bad(diag, path, tensor->name, "has no shape of at most 32 axes");
    tensor->rank = (int)shape->count;
    tensor->bytes = size;
    for (uint32_t i = 0; i < shape->count; i++) {
        if (!is_size(&shape->items[i])) return bad(diag, path, tensor->name, "has a malformed shape");
        int64_t dim = tensor->dim[i] = shape->items[i].integer;
        is_empty |= dim == 0;
        if (dim && __builtin_mul_overflow(tensor->bytes, (size_t)dim, &tensor->bytes))
            return bad(diag, path, tensor->name, "has a shape beyond memory");
    }
    if (is_empty) tensor->bytes = 0;
    return ts_ok;
}

static ts_status read_tensor(const ts_json *json, const char *path, const uint8_t *data, size_t size,
                             ts_stored *tensor, ts_diag *diag) {
    const char *dtype = ts_json_text(ts_json_get(json, "dtype"));
    const ts_json *offsets = ts_json_get(json, "data_offsets");
    if (!dtype) return bad(diag, path, tensor->name, "has no dtype");
    tensor->dtype = dtype;
    int item = ts_stored_size(dtype);
    if (!item)
        return ts_fail(diag, ts_unsupported, "%.200s: tensor \"%.100s\" has dtype \"%.20s\"", path,
                       tensor->name, dtype);
    TS_TRY(read_shape(ts_json_get(json, "shape"), path, tensor, (size_t)item, diag));
    if (!offsets || offsets->kind != ts_json_array || offsets->count != 2 || !is_size(&offsets->items[0]) ||
        !is_size(&offsets->items[1]))
        return bad(diag, path, tensor->name, "has no pair of data_offsets");
    size_t begin = (size_t)offsets->items[0].integer, end = (size_t)offsets->items[1].integer;
    if (begin > end || end > size) return bad(diag, path, tensor->name, "lies outside the file");
    if (end - begin != tensor->bytes)
        return bad(diag, path, tensor->name, "has offsets that do not fit its shape");
    tensor->data = data + begin;
    return ts_ok;
}

static int by_place(const void *a, const void *b) {
    const ts_stored *x = *(const ts_stored *const *)a, *y = *(const ts_stored *const *)b;
    if (x->data != y->data) return (uintptr_t)x->data < (uintptr_t)y->data ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

/* Checks that the tensors cover the data from the first byte to the last without gap or overlap. */
static ts_status check_cover(ts_safetensors *file, const char *path, const uint8_t *data, size_t size,
                             ts_diag *diag) {
    const ts_stored **order = TS_NEW_ARRAY(&file->arena, const ts_stored *, file->count);
    const uint8_t *at = data;
    for (uint32_t i = 0; i < file->count; i++)
        order[i] = &file->tensors[i];
    if (file->count) qsort(order, file->count, sizeof *order, by_place);
    for (uint32_t i = 0; i < file->count; i++) {
        if (order[i]->data != at)
            return bad(diag, path, order[i]->name, "overlaps another, or leaves a hole before it");
        at += order[i]->bytes;
    }
    if (at == data + size) return ts_ok;
    return ts_fail(diag, ts_input, "%.300s: %zu bytes at the end belong to no tensor", path,
                   (size_t)(data + size - at));
}

static ts_status check_metadata(const ts_json *metadata, const char *path, ts_diag *diag) {
    bool is_right = metadata->kind == ts_json_object;
    for (uint32_t i = 0; is_right && i < metadata->count; i++)
        is_right = metadata->items[i].kind == ts_json_string;
    return is_right ? ts_ok : ts_fail(diag, ts_input, "%.300s: __metadata__ is no object of strings", path);
}

static ts_status read_header(const ts_json *header, const char *path, const uint8_t *data, size_t size,
                             ts_safetensors *file, ts_diag *diag) {
    if (header->kind != ts_json_object)
        return ts_fail(diag, ts_input, "%.300s: the header is no object", path);
    file->tensors = TS_NEW_ARRAY(&file->arena, ts_stored, header->count);
    for (uint32_t i = 0; i < header->count; i++) {
        if (strcmp(header->names[i], "__metadata__") == 0) {
            file->metadata = &header->items[i];
            TS_TRY(check_metadata(file->metadata, path, diag));
            continue;
        }
        ts_stored *tensor = &file->tensors[file->count++];
        tensor->name = header->names[i];
        TS_TRY(read_tensor(&header->items[i], path, data, size, tensor, diag));
    }
    return check_cover(file, path, data, size, diag);
}

typedef struct reading {
    const char *path;
    const uint8_t *bytes;
    size_t size, header; /* bytes of the whole file and of its header */
    ts_safetensors *file;
    ts_diag *diag;
} reading;

static ts_status read_within(void *context) {
    reading *r = context;
    const ts_json *header;
    size_t begin = PREAMBLE + r->header;
    TS_TRY(ts_json_read(&r->file->arena, (const char *)r->bytes + PREAMBLE, r->header, r->path, &header,
                        r->diag));
    return read_header(header, r->path, r->bytes + begin, r->size - begin, r->file, r->diag);
}

ts_status ts_safetensors_read(const char *path, ts_safetensors *file, ts_diag *diag) {
    size_t size;
    uint64_t length = 0;
    *file = (ts_safetensors){0};
    TS_TRY(ts_file_read(path, &file->file, &size, diag));
    for (int i = 0; i < PREAMBLE && size >= PREAMBLE; i++)
        length |= (uint64_t)file->file[i] << (8 * i);
    if (size < PREAMBLE || length > size - PREAMBLE || length > MAX_HEADER)
        return ts_fail(diag, ts_input, "%.300s: not a safetensors file, or cut off", path);
    reading r = {.path = path,
                 .bytes = file->file,
                 .size = size,
                 .header = (size_t)length,
                 .file = file,
                 .diag = diag};
    const void *const kept[] = {&file->arena, NULL};
    return ts_unit_run(kept, read_within, &r, path, diag);
}

void ts_safetensors_free(ts_safetensors *file) {
    free(file->file);
    ts_arena_free(&file->arena);
    *file = (ts_safetensors){0};
}

const ts_stored *ts_safetensors_find(const ts_safetensors *file, const char *name) {
    for (uint32_t i = 0; i < file->count; i++)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    return NULL;
}

/* Writes a quoted name; UTF-8 passes unchanged. */
static void add_name(ts_text *out, const char *name) {
    ts_text_add(out, "\"");
    for (const char *c = name; *c; c++) {
        if (*c == '"' || *c == '\\')
            ts_text_format(out, "\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            ts_text_format(out, "\\u%04x", (unsigned)*c);
        else
            ts_text_add_n(out, c, 1);
    }
    ts_text_add(out, "\"");
}

static size_t add_header(const ts_stored *tensors, uint32_t count, ts_text *out) {
    size_t at = 0;
    ts_text_add(out, "{");
    for (uint32_t i = 0; i < count; i++) {
        if (i) ts_text_add(out, ",");
        add_name(out, tensors[i].name);
        ts_text_format(out, ":{\"dtype\":\"%s\",\"shape\":[", tensors[i].dtype);
        for (int k = 0; k < tensors[i].rank; k++)
            ts_text_format(out, k ? ",%lld" : "%lld", (long long)tensors[i].dim[k]);
        ts_text_format(out, "],\"data_offsets\":[%zu,%zu]}", at, at + tensors[i].bytes);
        at += tensors[i].bytes;
    }
    ts_text_add(out, "}");
    while (out->length % ALIGNMENT != 0)
        ts_text_add(out, " ");
    return at;
}

typedef struct header_job {
    const ts_stored *tensors;
    uint32_t count;
    ts_text header;
    size_t bytes; /* bytes of all tensors */
} header_job;

static ts_status header_within(void *context) {
    header_job *job = context;
    job->bytes = add_header(job->tensors, job->count, &job->header);
    return ts_ok;
}

ts_status ts_safetensors_write(const char *path, const ts_stored *tensors, uint32_t count, ts_diag *diag) {
    header_job job = {.tensors = tensors, .count = count};
    TS_TRY(ts_unit_run(NULL, header_within, &job, path, diag));
    ts_text header = job.header;
    size_t size = PREAMBLE + header.length + job.bytes;
    uint8_t *file = malloc(size);
    if (!file) {
        ts_text_free(&header);
        return ts_fail(diag, ts_capacity, "%.300s: no host memory for the file", path);
    }
    for (int i = 0; i < PREAMBLE; i++)
        file[i] = (uint8_t)((uint64_t)header.length >> (8 * i));
    memcpy(file + PREAMBLE, header.data, header.length);
    uint8_t *at = file + PREAMBLE + header.length;
    for (uint32_t i = 0; i < count; i++) {
        if (tensors[i].bytes) memcpy(at, tensors[i].data, tensors[i].bytes);
        at += tensors[i].bytes;
    }
    ts_text_free(&header);
    ts_status status = ts_file_write(path, file, size, diag);
    free(file);
    return status;
}
