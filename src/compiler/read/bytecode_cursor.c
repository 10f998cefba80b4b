/* Primitive encodings of MLIR bytecode: variable-length integers, blobs, sections. */
#include "compiler/read/bytecode.h"

#include <stdarg.h>
#include <stdio.h>

static ts_status fail_at(ts_bc *b, const uint8_t *at, ts_status status, const char *message) {
    return ts_fail(b->diag, status, "%s: %s (byte %zu)", b->path, message, (size_t)(at - b->data));
}

ts_status ts_bc_fail(ts_bc *b, const uint8_t *at, const char *format, ...) {
    char message[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return fail_at(b, at, ts_input, message);
}

ts_status ts_bc_unsupported(ts_bc *b, const uint8_t *at, const char *format, ...) {
    char message[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return fail_at(b, at, ts_unsupported, message);
}

ts_status ts_bc_spend(ts_bc *b, const uint8_t *at, uint64_t weight) {
    if (weight > b->budget) return ts_bc_fail(b, at, "attributes expand beyond all proportion to the file");
    b->budget -= weight;
    return ts_ok;
}

ts_status ts_bc_byte(ts_bc *b, ts_cursor *c, uint8_t *value) {
    if (c->at >= c->end) return ts_bc_fail(b, c->at, "ends in the middle of something");
    *value = *c->at++;
    return ts_ok;
}

/* The number of trailing zero bits in the first byte is the number of bytes that follow it; a zero byte is
   followed by eight. */
ts_status ts_bc_varint(ts_bc *b, ts_cursor *c, uint64_t *value) {
    uint8_t first = 0;
    TS_TRY(ts_bc_byte(b, c, &first));
    if (first & 1) {
        *value = first >> 1;
        return ts_ok;
    }
    int more = first ? __builtin_ctz(first) : 8;
    if (c->end - c->at < more) return ts_bc_fail(b, c->at, "ends inside an integer");
    uint64_t bits = 0;
    for (int i = 0; i < more; i++)
        bits |= (uint64_t)c->at[i] << (8 * i);
    *value = first ? bits << (7 - more) | (uint64_t)first >> (more + 1) : bits;
    c->at += more;
    return ts_ok;
}

ts_status ts_bc_signed(ts_bc *b, ts_cursor *c, int64_t *value) {
    uint64_t bits;
    TS_TRY(ts_bc_varint(b, c, &bits));
    *value = (int64_t)(bits >> 1 ^ (0 - (bits & 1)));
    return ts_ok;
}

ts_status ts_bc_count(ts_bc *b, ts_cursor *c, size_t bytes_each, uint32_t *count) {
    uint64_t value;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_varint(b, c, &value));
    if (value > UINT32_MAX || value > (uint64_t)(c->end - c->at) / bytes_each)
        return ts_bc_fail(b, at, "announces %ju things where %zu bytes are left", (uintmax_t)value,
                          (size_t)(c->end - c->at));
    *count = (uint32_t)value;
    return ts_ok;
}

ts_status ts_bc_index(ts_bc *b, ts_cursor *c, uint32_t limit, const char *what, uint32_t *index) {
    uint64_t value;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_varint(b, c, &value));
    if (value >= limit) return ts_bc_fail(b, at, "names %s %ju of %u", what, (uintmax_t)value, limit);
    *index = (uint32_t)value;
    return ts_ok;
}

ts_status ts_bc_flagged(ts_bc *b, ts_cursor *c, uint64_t *value, bool *flag) {
    TS_TRY(ts_bc_varint(b, c, value));
    *flag = *value & 1;
    *value >>= 1;
    return ts_ok;
}

ts_status ts_bc_blob(ts_bc *b, ts_cursor *c, const uint8_t **data, size_t *size) {
    uint32_t count = 0;
    TS_TRY(ts_bc_count(b, c, 1, &count));
    *data = c->at;
    *size = count;
    c->at += count;
    return ts_ok;
}

/* Alignment counts from the start of the file. */
static ts_status skip_padding(ts_bc *b, ts_cursor *c) {
    uint64_t alignment;
    TS_TRY(ts_bc_varint(b, c, &alignment));
    if (alignment == 0 || alignment > 4096 || (alignment & (alignment - 1)))
        return ts_bc_fail(b, c->at, "alignment %ju is no power of two up to 4096", (uintmax_t)alignment);
    while ((size_t)(c->at - b->data) % alignment) {
        uint8_t pad = 0;
        TS_TRY(ts_bc_byte(b, c, &pad));
        if (pad != 0xCB) return ts_bc_fail(b, c->at - 1, "padding byte 0x%02x should be 0xCB", pad);
    }
    return ts_ok;
}

ts_status ts_bc_section(ts_bc *b, ts_cursor *c, unsigned *id, ts_cursor *body) {
    uint8_t head = 0;
    uint64_t length;
    const uint8_t *at = c->at;
    TS_TRY(ts_bc_byte(b, c, &head));
    TS_TRY(ts_bc_varint(b, c, &length));
    if (head & 0x80) TS_TRY(skip_padding(b, c));
    if (length > (uint64_t)(c->end - c->at))
        return ts_bc_fail(b, at, "section %u has %ju bytes where %zu are left", head & 0x7fu,
                          (uintmax_t)length, (size_t)(c->end - c->at));
    *id = head & 0x7fu;
    *body = (ts_cursor){c->at, c->at + length};
    c->at += length;
    return ts_ok;
}

ts_status ts_bc_done_with(ts_bc *b, const ts_cursor *c, const char *what) {
    if (c->at == c->end) return ts_ok;
    return ts_bc_fail(b, c->at, "%zu bytes are left over in %s", (size_t)(c->end - c->at), what);
}
