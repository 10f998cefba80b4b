/* Growing text buffer, which printers append to. */
#ifndef TS_BASE_TEXT_H
#define TS_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Zero-initialise; `data` is zero-terminated once anything was added. Free with ts_text_free. When the host
   has no memory, the unit of work ends (base/unit.h). */
typedef struct ts_text {
    char *data;
    size_t length, capacity;
} ts_text;

/* Append a string, `count` bytes, or formatted text. */
void ts_text_add(ts_text *text, const char *string);
void ts_text_add_n(ts_text *text, const char *bytes, size_t count);
void ts_text_format(ts_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends a double-quoted string with \" \\ \n \t and \u00XX escapes (valid JSON for ASCII input). */
void ts_text_quote(ts_text *text, const char *string);
/* Appends the shortest decimal form that reads back as the same double ("1", "0.1", "1e-08"), or "inf",
   "-inf", "nan". */
void ts_text_double(ts_text *text, double value);
void ts_text_free(ts_text *text);
/* Copies at most `size` bytes, terminated when size > 0, and returns the whole length, like snprintf. */
size_t ts_text_copy(const ts_text *text, char *buffer, size_t size);

#endif
