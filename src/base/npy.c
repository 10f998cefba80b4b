/* NumPy's .npy format, versions 1.0 to 3.0. Reads arrays in C or Fortran order, writes C order. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/unit.h"

enum { PREAMBLE = 10, ALIGNMENT = 64, MAX_HEADER = 1 << 16 };

static ts_status bad(ts_diag *diag, const char *path, const char *what) {
    return ts_fail(diag, ts_input, "%s: %s", path, what);
}

/* Finds a key in the header's dict literal. Returns the text after the key's colon, or NULL. */
static const char *find_key(const char *header, const char *key) {
    char quoted[32];
    for (int quote = 0; quote < 2; quote++) {
        snprintf(quoted, sizeof quoted, quote ? "\"%s\"" : "'%s'", key);
        const char *at = strstr(header, quoted);
        if (!at) continue;
        at += strlen(quoted);
        while (isspace((unsigned char)*at))
            at++;
        if (*at != ':') continue;
        at++;
        while (isspace((unsigned char)*at))
            at++;
        return at;
    }
    return NULL;
}

static ts_status parse_descr(const char *at, const char *path, ts_npy *array, size_t *item, ts_diag *diag) {
    if (!at || (*at != '\'' && *at != '"'))
        return bad(diag, path, "the .npy header has no plain dtype ('descr')");
    const char *start = at + 1, *end = strchr(start, *at);
    if (!end || end - start < 2 || (size_t)(end - start) >= sizeof array->descr)
        return bad(diag, path, "the .npy header has a dtype this reader does not know");
    if (*start == '>') {
        bad(diag, path, "the array is big-endian");
        ts_diag_remedy(diag, "save array.astype(array.dtype.newbyteorder('<'))");
        return ts_input;
    }
    if (*start == '<' || *start == '|' || *start == '=') start++;
    memcpy(array->descr, start, (size_t)(end - start));
    char *rest;
    long bytes = strtol(array->descr + 1, &rest, 10);
    if (!isalpha((unsigned char)array->descr[0]) || *rest || bytes < 1 || bytes > 64 ||
        array->descr[0] == 'O' || array->descr[0] == 'U' || array->descr[0] == 'M' || array->descr[0] == 'm')
        return ts_fail(diag, ts_input, "%s: arrays of dtype '%s' are not numbers", path, array->descr);
    *item = (size_t)bytes;
    return ts_ok;
}

static ts_status parse_shape(const char *at, const char *path, ts_npy *array, size_t item, ts_diag *diag) {
    if (!at || *at != '(') return bad(diag, path, "the .npy header has no shape");
    at++;
    array->bytes = item;
    bool is_empty = false;
    for (;;) {
        while (isspace((unsigned char)*at) || *at == ',')
            at++;
        if (*at == ')') break;
        char *rest;
        if (!isdigit((unsigned char)*at)) return bad(diag, path, "the .npy header has a malformed shape");
        unsigned long long dim = strtoull(at, &rest, 10);
        if (array->rank == TS_NPY_MAX_RANK) return bad(diag, path, "the array has more than 32 axes");
        if (dim > INT64_MAX || (dim > 0 && array->bytes > (size_t)INT64_MAX / dim))
            return bad(diag, path, "the .npy header has a shape beyond memory");
        array->dim[array->rank++] = (int64_t)dim;
        if (dim > 0)
            array->bytes *= (size_t)dim;
        else
            is_empty = true;
        at = rest;
    }
    if (is_empty) array->bytes = 0;
    return ts_ok;
}

/* Turns the array's data from Fortran order into C order. `item`: bytes per element. */
static ts_status reorder(const char *path, ts_npy *array, size_t item, ts_diag *diag) {
    if (array->rank < 2 || array->bytes == 0) return ts_ok;
    uint8_t *ordered = malloc(array->bytes);
    if (!ordered) return ts_fail(diag, ts_capacity, "%s: no host memory for the array", path);
    size_t stride[TS_NPY_MAX_RANK], step = item;
    int64_t at[TS_NPY_MAX_RANK] = {0};
    for (int i = 0; i < array->rank; i++) {
        stride[i] = step;
        step *= (size_t)array->dim[i];
    }
    size_t from = 0;
    for (size_t to = 0; to < array->bytes; to += item) {
        memcpy(ordered + to, array->data + from, item);
        for (int i = array->rank; i-- > 0;) {
            from += stride[i];
            if (++at[i] < array->dim[i]) break;
            from -= stride[i] * (size_t)array->dim[i];
            at[i] = 0;
        }
    }
    free(array->data);
    array->data = ordered;
    return ts_ok;
}

/* Finds the header: *begin is its offset in the file and *length its length; the data follows it. */
static ts_status find_header(const uint8_t *file, size_t size, const char *path, size_t *begin,
                             size_t *length, ts_diag *diag) {
    if (size < PREAMBLE || memcmp(file, "\x93NUMPY", 6) != 0) return bad(diag, path, "not a .npy file");
    int version = file[6];
    if (version < 1 || version > 3) return bad(diag, path, "a .npy format version other than 1, 2 and 3");
    *begin = version == 1 ? PREAMBLE : PREAMBLE + 2;
    if (size < *begin) return bad(diag, path, "the .npy header is cut off");
    *length = file[8] | (size_t)file[9] << 8;
    if (version > 1) *length |= (size_t)file[10] << 16 | (size_t)file[11] << 24;
    if (*length > MAX_HEADER) return bad(diag, path, "the .npy header is longer than any array needs");
    if (size - *begin < *length) return bad(diag, path, "the .npy header is cut off");
    return ts_ok;
}

static ts_status read_array(const uint8_t *file, size_t size, const char *path, ts_npy *array,
                            ts_diag *diag) {
    size_t begin = 0, length = 0, item = 0;
    TS_TRY(find_header(file, size, path, &begin, &length, diag));
    char *header = malloc(length + 1);
    if (!header) return ts_fail(diag, ts_capacity, "%s: no host memory for the header", path);
    memcpy(header, file + begin, length);
    header[length] = '\0';
    ts_status status = parse_descr(find_key(header, "descr"), path, array, &item, diag);
    if (status == ts_ok) status = parse_shape(find_key(header, "shape"), path, array, item, diag);
    const char *order = find_key(header, "fortran_order");
    bool is_fortran = order && strncmp(order, "True", 4) == 0;
    if (status == ts_ok && !is_fortran && !(order && strncmp(order, "False", 5) == 0))
        status = bad(diag, path, "the .npy header does not say its order");
    free(header);
    TS_TRY(status);
    size_t present = size - begin - length;
    if (present != array->bytes)
        return ts_fail(diag, ts_input, "%s: the header promises %zu bytes of data, the file has %zu", path,
                       array->bytes, present);
    array->data = malloc(array->bytes ? array->bytes : 1);
    if (!array->data) return ts_fail(diag, ts_capacity, "%s: no host memory for the array", path);
    memcpy(array->data, file + begin + length, array->bytes);
    return is_fortran ? reorder(path, array, item, diag) : ts_ok;
}

ts_status ts_npy_read(const char *path, ts_npy *array, ts_diag *diag) {
    uint8_t *file;
    size_t size;
    *array = (ts_npy){0};
    TS_TRY(ts_file_read(path, &file, &size, diag));
    ts_status status = read_array(file, size, path, array, diag);
    free(file);
    if (status != ts_ok) ts_npy_free(array);
    return status;
}

typedef struct header {
    const ts_npy *array;
    ts_text text;
} header;

static ts_status add_header(void *context) {
    const ts_npy *array = ((header *)context)->array;
    ts_text *text = &((header *)context)->text;
    bool is_bytes = strcmp(array->descr + 1, "1") == 0;
    ts_text_format(text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", is_bytes ? '|' : '<',
                   array->descr);
    for (int i = 0; i < array->rank; i++)
        ts_text_format(text, i ? ", %lld" : "%lld", (long long)array->dim[i]);
    ts_text_add(text, array->rank == 1 ? ",), }" : "), }");
    while ((PREAMBLE + text->length + 1) % ALIGNMENT != 0)
        ts_text_add(text, " ");
    ts_text_add(text, "\n");
    return ts_ok;
}

ts_status ts_npy_write(const char *path, const ts_npy *array, ts_diag *diag) {
    header head = {.array = array};
    TS_TRY(ts_unit_run(NULL, add_header, &head, path, diag));
    ts_text text = head.text;
    size_t size = PREAMBLE + text.length + array->bytes;
    uint8_t *file = malloc(size);
    if (!file) {
        ts_text_free(&text);
        return ts_fail(diag, ts_capacity, "%s: no host memory", path);
    }
    memcpy(file, "\x93NUMPY\x01\x00", 8);
    file[8] = (uint8_t)(text.length & 0xff);
    file[9] = (uint8_t)(text.length >> 8);
    memcpy(file + PREAMBLE, text.data, text.length);
    if (array->bytes) memcpy(file + PREAMBLE + text.length, array->data, array->bytes);
    ts_text_free(&text);
    ts_status status = ts_file_write(path, file, size, diag);
    free(file);
    return status;
}

void ts_npy_free(ts_npy *array) {
    free(array->data);
    *array = (ts_npy){0};
}
