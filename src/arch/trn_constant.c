/* A constant's bytes in .trn text: a list of values, or hexadecimal digits in memory order. */
#include "arch/trn_constant.h"

#include <math.h>
#include <string.h>

/* Integers of 32 bits or more, and f64, are stored from the double; other types from its fp32 value. */
static bool store(const ts_tensor *tensor, double value, void *out) {
    float narrow = (float)value;
    if (tensor->dtype == ts_dtype_f64) {
        memcpy(out, &value, sizeof value);
        return true;
    }
    const ts_dtype_info *info = ts_dtype_get(tensor->dtype);
    if (info->kind == 'f') {
        ts_dtype_narrow(tensor->dtype, &narrow, out, 1);
        return true;
    }
    bool is_signed = info->kind == 's';
    double low = is_signed ? -ldexp(1, 8 * info->bytes - 1) : 0;
    double top = ldexp(1, 8 * info->bytes - is_signed);
    if (!(value >= low && value < top) || value != floor(value)) return false;
    uint64_t bits = value < 0 ? (uint64_t)(int64_t)value : (uint64_t)value;
    memcpy(out, &bits, (size_t)info->bytes); /* little-endian, like the host (container.h) */
    return info->kind != 'b' || bits <= 1;
}

static ts_status parse_values(ts_scan *scan, ts_arena *arena, ts_tensor *tensor) {
    const ts_dtype_info *info = ts_dtype_get(tensor->dtype);
    uint64_t count = tensor->bytes / (uint64_t)info->bytes;
    TS_VEC(double) values = {0};
    const char *start = scan->at;
    if (info->kind == 'c') return ts_scan_refuse(scan, start, "complex constants are written as hex");
    while (!ts_scan_take(scan, "}")) {
        double value;
        uint64_t bits;
        ts_scan_at_end(scan); /* a list may continue on the next line */
        if (ts_scan_take(scan, "}")) break;
        ts_scan_space(scan);
        const char *at = scan->at;
        TS_TRY(ts_scan_double(scan, &value, "a value or '}'"));
        if (values.count == count)
            return ts_scan_refuse(scan, at, "more values than the tensor's %llu", (unsigned long long)count);
        if (!store(tensor, value, &bits)) return ts_scan_refuse(scan, at, "not a value of %s", info->name);
        ts_vec_push(&values, arena, value);
    }
    if (values.count != count)
        return ts_scan_refuse(scan, start, "%u values for the tensor's %llu", (unsigned)values.count,
                              (unsigned long long)count);
    uint8_t *bytes = ts_arena_alloc(arena, tensor->bytes);
    for (uint32_t i = 0; i < values.count; i++)
        store(tensor, values.data[i], bytes + i * (size_t)info->bytes);
    tensor->data = bytes;
    return ts_ok;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static ts_status parse_hex(ts_scan *scan, ts_arena *arena, ts_tensor *tensor) {
    TS_TRY(ts_scan_expect(scan, "\""));
    const char *start = scan->at;
    uint64_t digits = 0;
    while (hex_value(start[digits]) >= 0)
        digits++;
    if (start[digits] != '"') {
        scan->at += digits;
        return ts_scan_fail(scan, "a digit 0-9 a-f or '\"'");
    }
    if (digits % 2 != 0 || digits / 2 != tensor->bytes)
        return ts_scan_refuse(scan, start, "%llu digits for the tensor's %llu bytes",
                              (unsigned long long)digits, (unsigned long long)tensor->bytes);
    uint8_t *bytes = ts_arena_alloc(arena, tensor->bytes);
    for (uint64_t i = 0; i < tensor->bytes; i++)
        bytes[i] = (uint8_t)(hex_value(start[2 * i]) << 4 | hex_value(start[2 * i + 1]));
    tensor->data = bytes;
    scan->at += digits + 1;
    return ts_ok;
}

ts_status ts_parse_constant(ts_scan *scan, ts_arena *arena, ts_tensor *tensor) {
    TS_TRY(ts_scan_expect(scan, "="));
    if (ts_scan_take(scan, "{")) return parse_values(scan, arena, tensor);
    if (ts_scan_take(scan, "hex")) return parse_hex(scan, arena, tensor);
    return ts_scan_fail(scan, "{VALUES} or hex \"BYTES\"");
}
