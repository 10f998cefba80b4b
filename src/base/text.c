/* Growing text buffer, and the forms of numbers and strings that all printers share. */
#include "base/text.h"

#include "base/unit.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for `more` bytes and the terminator. */
static void reserve(ts_text *text, size_t more) {
    if (more > SIZE_MAX / 2 || text->length > SIZE_MAX / 2) ts_unit_fail();
    size_t need = text->length + more + 1;
    if (need <= text->capacity) return;
    size_t capacity = text->capacity ? text->capacity * 2 : 256;
    if (capacity < need) capacity = need;
    char *data = malloc(capacity);
    if (!data) ts_unit_fail();
    ts_unit_add(data, text);
    if (text->data) memcpy(data, text->data, text->length + 1);
    ts_unit_drop(text->data);
    free(text->data);
    text->data = data;
    text->capacity = capacity;
}

void ts_text_add_n(ts_text *text, const char *bytes, size_t count) {
    reserve(text, count);
    if (count) memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = '\0';
}

void ts_text_add(ts_text *text, const char *string) {
    ts_text_add_n(text, string, strlen(string));
}

/* Formats into the room left; when that is too small, grows the buffer and formats again. */
void ts_text_format(ts_text *text, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    reserve(text, 0);
    size_t room = text->capacity - text->length;
    int length = vsnprintf(text->data + text->length, room, format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length >= room) {
        reserve(text, (size_t)length);
        vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
    }
    if (length > 0) text->length += (size_t)length;
    text->data[text->length] = '\0';
    va_end(again);
}

void ts_text_quote(ts_text *text, const char *string) {
    ts_text_add_n(text, "\"", 1);
    for (const unsigned char *c = (const unsigned char *)string; *c; c++) {
        if (*c == '"' || *c == '\\')
            ts_text_format(text, "\\%c", *c);
        else if (*c == '\n')
            ts_text_add(text, "\\n");
        else if (*c == '\t')
            ts_text_add(text, "\\t");
        else if (*c < 0x20 || *c >= 0x7f)
            ts_text_format(text, "\\u%04x", *c);
        else
            ts_text_add_n(text, (const char *)c, 1);
    }
    ts_text_add_n(text, "\"", 1);
}

void ts_text_double(ts_text *text, double value) {
    if (isnan(value)) {
        ts_text_add(text, "nan");
        return;
    }
    if (isinf(value)) {
        ts_text_add(text, value < 0 ? "-inf" : "inf");
        return;
    }
    char digits[40];
    if (value == trunc(value) && fabs(value) < 1e15) {
        ts_text_format(text, "%.0f", value);
        return;
    }
    /* %.15g prints every normal number of at most 15 digits exactly and drops trailing zeros, so lower
       precisions need not be tried. Subnormal numbers have fewer digits, so there every precision is
       tried. */
    for (int precision = fabs(value) < DBL_MIN ? 1 : DBL_DIG; precision <= DBL_DECIMAL_DIG; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value) break;
    }
    ts_text_add(text, digits);
}

size_t ts_text_copy(const ts_text *text, char *buffer, size_t size) {
    if (size == 0) return text->length;
    size_t copied = text->length < size - 1 ? text->length : size - 1;
    if (copied > 0) memcpy(buffer, text->data, copied);
    buffer[copied] = 0;
    return text->length;
}

void ts_text_free(ts_text *text) {
    ts_unit_drop(text->data);
    free(text->data);
    *text = (ts_text){0};
}
