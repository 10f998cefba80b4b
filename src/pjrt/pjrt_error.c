/* PJRT errors: made from diagnostics, read by the framework. */
#include <stdlib.h>
#include <string.h>

#include "pjrt/pjrt_objects.h"

/* Returned when the host has no memory for an error; Error_Destroy recognises it. */
static const PJRT_Error no_memory = {.code = PJRT_RESOURCE_EXHAUSTED};

PJRT_Error *ts_pjrt_error(PJRT_Error_Code code, const char *message) {
    size_t length = strlen(message);
    PJRT_Error *error = malloc(sizeof *error + length + 1);
    if (!error) return (PJRT_Error *)&no_memory;
    error->code = code;
    error->length = length;
    memcpy(error->message, message, length + 1);
    return error;
}

static PJRT_Error_Code code_of(ts_status status) {
    switch (status) {
    case ts_usage:
    case ts_input: return PJRT_INVALID_ARGUMENT;
    case ts_unsupported: return PJRT_UNIMPLEMENTED;
    case ts_unspecified:
    case ts_undefined:
    case ts_unset_read: return PJRT_FAILED_PRECONDITION;
    case ts_capacity: return PJRT_RESOURCE_EXHAUSTED;
    case ts_deadlock: return PJRT_ABORTED;
    case ts_cancelled: return PJRT_CANCELLED;
    case ts_system: return PJRT_INTERNAL;
    case ts_ok: break;
    }
    return PJRT_UNKNOWN;
}

PJRT_Error *ts_pjrt_error_from(ts_status status, const ts_diag *diag) {
    if (status == ts_ok) return NULL;
    char text[2048];
    ts_diag_format(diag, text, sizeof text);
    return ts_pjrt_error(code_of(status), text);
}

PJRT_Error *ts_pjrt_unimplemented(const char *what, const char *remedy) {
    ts_diag diag = {0};
    ts_fail(&diag, ts_unsupported, "%s", what);
    ts_diag_remedy(&diag, "%s", remedy);
    return ts_pjrt_error_from(ts_unsupported, &diag);
}

PJRT_Error *ts_pjrt_bad_size(const char *function, size_t size, size_t needed) {
    ts_diag diag = {0};
    ts_fail(&diag, ts_usage, "PJRT%s: its arguments are said to have %zu bytes; it needs %zu", function, size,
            needed);
    ts_diag_remedy(&diag, "set struct_size to that of PJRT 0.%d or a later version", TS_PJRT_MINOR);
    return ts_pjrt_error_from(ts_usage, &diag);
}

PJRT_Error *ts_pjrt_forked(void) {
    ts_diag diag = {0};
    ts_fail(&diag, ts_usage,
            "this process was forked from one that uses the device; its queues stayed there");
    ts_diag_remedy(
        &diag, "start processes with multiprocessing.set_start_method(\"spawn\"), or fork before the first "
               "use of the device");
    return ts_pjrt_error_from(ts_usage, &diag);
}

void ts_pjrt_Error_Destroy(PJRT_Error_Destroy_Args *args) {
    if (args->error != &no_memory) free(args->error);
}

void ts_pjrt_Error_Message(PJRT_Error_Message_Args *args) {
    static const char words[] = "capacity: no host memory";
    bool is_small = args->error == &no_memory;
    args->message = is_small ? words : args->error->message;
    args->message_size = is_small ? sizeof words - 1 : args->error->length;
}

PJRT_Error *ts_pjrt_Error_GetCode(PJRT_Error_GetCode_Args *args) {
    TS_PJRT_NEED(args, code);
    args->code = args->error->code;
    return NULL;
}
