/* Status codes and diagnostics: names, filling, and the one-line form. */
#include "base/status.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

const char *ts_status_name(ts_status status) {
    switch (status) {
    case ts_ok: return "ok";
    case ts_usage: return "usage";
    case ts_input: return "input";
    case ts_unsupported: return "unsupported";
    case ts_unspecified: return "unspecified";
    case ts_undefined: return "undefined";
    case ts_unset_read: return "unset read";
    case ts_capacity: return "capacity";
    case ts_deadlock: return "deadlock";
    case ts_cancelled: return "cancelled";
    case ts_system: return "system";
    }
    return "unknown";
}

ts_status ts_diag_fail(ts_diag *diag, const char *source_file, int source_line, ts_status status,
                       const char *format, ...) {
    if (!diag || diag->status != ts_ok) return status;
    diag->status = status;
    diag->source_file = source_file;
    diag->source_line = source_line;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(diag->message, sizeof diag->message, format, arguments);
    va_end(arguments);
    return status;
}

static bool is_open(const ts_diag *diag, const char *field) {
    return diag && diag->status != ts_ok && field[0] == '\0';
}

void ts_diag_op(ts_diag *diag, const char *op) {
    if (diag && is_open(diag, diag->op)) snprintf(diag->op, sizeof diag->op, "%s", op);
}

void ts_diag_where(ts_diag *diag, const char *file, int line) {
    if (!diag || !is_open(diag, diag->where)) return;
    if (line > 0)
        snprintf(diag->where, sizeof diag->where, "%s:%d", file, line);
    else
        snprintf(diag->where, sizeof diag->where, "%s", file);
}

void ts_diag_remedy(ts_diag *diag, const char *format, ...) {
    if (!diag || !is_open(diag, diag->remedy)) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(diag->remedy, sizeof diag->remedy, format, arguments);
    va_end(arguments);
}

void ts_diag_rule(ts_diag *diag, const char *rule) {
    if (diag && diag->status != ts_ok && !diag->rule) diag->rule = rule;
}

int ts_diag_format(const ts_diag *diag, char *buffer, size_t size) {
    const char *remedy_open = diag->remedy[0] ? " (" : "", *remedy_close = diag->remedy[0] ? ")" : "";
    const char *op = diag->op, *at = op[0] && diag->where[0] ? " at " : "";
    const char *colon = op[0] || diag->where[0] ? ": " : "";
    return snprintf(buffer, size, "%s: %s%s%s%s%s%s%s%s", ts_status_name(diag->status), op, at, diag->where,
                    colon, diag->message, remedy_open, diag->remedy, remedy_close);
}
