/* Scanner of .trn text. */
#include "arch/trn_scan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ts_status ts_scan_open(ts_scan *scan, const char *text, const char *path, ts_diag *diag) {
    *scan = (ts_scan){.at = text, .line_start = text, .line = 1, .path = path, .diag = diag};
    scan->locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (!scan->locale) return ts_fail(diag, ts_system, "no \"C\" locale for reading numbers");
    return ts_ok;
}

void ts_scan_close(ts_scan *scan) {
    if (scan->locale) freelocale(scan->locale);
}

static bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Describes what stands at `at` for a message: a short printable quote. */
static void describe(const char *at, char *out, size_t size) {
    enum { SHOWN = 24 };
    size_t length = 0;
    if (*at == 0 || *at == '\n' || *at == '\r' || *at == '#') {
        snprintf(out, size, "the end of the %s", *at == 0 ? "text" : "line");
        return;
    }
    while (length < SHOWN && is_word_char(at[length]))
        length++;
    if (length == 0) length = 1;
    out[0] = '\'';
    for (size_t i = 0; i < length; i++)
        out[i + 1] = at[i] >= 32 && at[i] < 127 ? at[i] : '?';
    out[length + 1] = '\'';
    out[length + 2] = 0;
}

static void set_where(ts_scan *scan, const char *at) {
    if (!scan->diag || scan->diag->where[0]) return;
    snprintf(scan->diag->where, sizeof scan->diag->where, "%s:%u:%zu", scan->path, (unsigned)scan->line,
             (size_t)(at - scan->line_start) + 1);
}

ts_status ts_scan_fail(ts_scan *scan, const char *format, ...) {
    char what[256], found[40];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    ts_scan_space(scan);
    describe(scan->at, found, sizeof found);
    ts_fail(scan->diag, ts_input, "expected %s, found %s", what, found);
    set_where(scan, scan->at);
    return ts_input;
}

ts_status ts_scan_refuse(ts_scan *scan, const char *at, const char *format, ...) {
    char what[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    ts_fail(scan->diag, ts_input, "%s", what);
    set_where(scan, at);
    return ts_input;
}

void ts_scan_space(ts_scan *scan) {
    while (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\r')
        scan->at++;
    if (*scan->at == '#')
        while (*scan->at && *scan->at != '\n')
            scan->at++;
}

bool ts_scan_at_end(ts_scan *scan) {
    for (;;) {
        ts_scan_space(scan);
        if (*scan->at != '\n') return *scan->at == 0;
        scan->line_start = ++scan->at;
        scan->line++;
    }
}

ts_status ts_scan_line_end(ts_scan *scan) {
    ts_scan_space(scan);
    return *scan->at == 0 || *scan->at == '\n' ? ts_ok : ts_scan_fail(scan, "the end of the line");
}

bool ts_scan_take(ts_scan *scan, const char *literal) {
    ts_scan_space(scan);
    size_t length = strlen(literal);
    if (strncmp(scan->at, literal, length) != 0) return false;
    if (is_word_char(literal[length - 1]) && is_word_char(scan->at[length])) return false;
    scan->at += length;
    return true;
}

ts_status ts_scan_expect(ts_scan *scan, const char *literal) {
    return ts_scan_take(scan, literal) ? ts_ok : ts_scan_fail(scan, "'%s'", literal);
}

ts_status ts_scan_word(ts_scan *scan, const char **word, size_t *length, const char *what) {
    ts_scan_space(scan);
    size_t count = 0;
    while (is_word_char(scan->at[count]))
        count++;
    if (count == 0) return ts_scan_fail(scan, "%s", what);
    *word = scan->at;
    *length = count;
    scan->at += count;
    return ts_ok;
}

bool ts_scan_is(const char *word, size_t length, const char *literal) {
    return strlen(literal) == length && memcmp(word, literal, length) == 0;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Reads one character of a quoted string, with the scanner after it on success. An escape names a byte:
   \u00XX is one byte. */
static ts_status scan_char(ts_scan *scan, char *out) {
    const char *start = scan->at;
    char c = *scan->at++;
    if (c != '\\') {
        *out = c;
        return ts_ok;
    }
    c = *scan->at++;
    if (c == '"' || c == '\\')
        *out = c;
    else if (c == 'n')
        *out = '\n';
    else if (c == 't')
        *out = '\t';
    else if (c == 'u' && scan->at[0] == '0' && scan->at[1] == '0' && hex_digit(scan->at[2]) >= 0 &&
             hex_digit(scan->at[3]) >= 0 && (scan->at[2] != '0' || scan->at[3] != '0')) {
        *out = (char)(hex_digit(scan->at[2]) * 16 + hex_digit(scan->at[3]));
        scan->at += 4;
    } else {
        scan->at = start;
        return ts_scan_refuse(scan, start, "an escape must be one of \\\" \\\\ \\n \\t \\u00XX");
    }
    return ts_ok;
}

ts_status ts_scan_quoted(ts_scan *scan, ts_arena *arena, const char **text, const char *what) {
    ts_scan_space(scan);
    const char *start = scan->at;
    if (*start != '"') return ts_scan_fail(scan, "%s", what);
    size_t raw = 1;
    while (start[raw] != '"') {
        if (start[raw] == '\\' && start[raw + 1] && start[raw + 1] != '\n') raw++;
        if (start[raw] == 0 || start[raw] == '\n')
            return ts_scan_refuse(scan, start, "a string that starts here has no closing quote");
        raw++;
    }
    char *out = ts_arena_alloc(arena, raw);
    *text = out;
    scan->at++;
    while (*scan->at != '"')
        TS_TRY(scan_char(scan, out++));
    scan->at++;
    return ts_ok;
}

ts_status ts_scan_name(ts_scan *scan, ts_arena *arena, const char **name, const char *what) {
    ts_scan_space(scan);
    if (*scan->at == '"') return ts_scan_quoted(scan, arena, name, what);
    size_t count = 0;
    if (!is_digit(*scan->at) && *scan->at != '.')
        while (is_word_char(scan->at[count]) || scan->at[count] == '.')
            count++;
    if (count == 0) return ts_scan_fail(scan, "%s", what);
    *name = ts_arena_string_n(arena, scan->at, count);
    scan->at += count;
    return ts_ok;
}

ts_status ts_scan_i64(ts_scan *scan, int64_t low, int64_t high, int64_t *value, const char *what) {
    ts_scan_space(scan);
    const char *start = scan->at, *digits = start + (*start == '-' || *start == '+');
    if (!is_digit(*digits)) return ts_scan_fail(scan, "%s", what);
    char *end;
    errno = 0;
    *value = strtoll(start, &end, 10);
    if (errno == ERANGE || *value < low || *value > high)
        return ts_scan_refuse(scan, start, "%s must be from %lld to %lld", what, (long long)low,
                              (long long)high);
    if (is_word_char(*end)) {
        scan->at = end;
        return ts_scan_fail(scan, "the end of a number");
    }
    scan->at = end;
    return ts_ok;
}

ts_status ts_scan_u64(ts_scan *scan, uint64_t *value, const char *what) {
    ts_scan_space(scan);
    const char *start = scan->at;
    if (!is_digit(*start)) return ts_scan_fail(scan, "%s", what);
    char *end;
    errno = 0;
    *value = strtoull(start, &end, 10);
    if (errno == ERANGE) return ts_scan_refuse(scan, start, "%s must be less than 2^64", what);
    scan->at = end;
    return ts_ok;
}

ts_status ts_scan_double(ts_scan *scan, double *value, const char *what) {
    ts_scan_space(scan);
    const char *start = scan->at, *digits = start + (*start == '-' || *start == '+');
    bool is_number = is_digit(*digits) || (*digits == '.' && is_digit(digits[1])) ||
                     strncmp(digits, "inf", 3) == 0 || strncmp(digits, "nan", 3) == 0;
    if (!is_number) return ts_scan_fail(scan, "%s", what);
    char *end;
    *value = strtod_l(start, &end, scan->locale);
    scan->at = end;
    if (is_word_char(*end)) return ts_scan_fail(scan, "the end of a number");
    return ts_ok;
}
