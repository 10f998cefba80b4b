/* Records of what ran, as files. */
#include "runtime/collect.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

/* A name that is a file name everywhere. */
static char *file_name(ts_arena *arena, const char *name) {
    char *copy = ts_arena_string_n(arena, name && name[0] ? name : "program",
                                   strnlen(name && name[0] ? name : "program", 100));
    for (char *at = copy; *at; at++) {
        bool is_plain =
            (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        if (!is_plain && *at != '_' && *at != '-') *at = '_';
    }
    return copy;
}

static bool holds(const char *path, const uint8_t *data, size_t size) {
    uint8_t *old = NULL;
    size_t old_size = 0;
    ts_diag unread = {0};
    bool is_same = ts_file_read(path, &old, &old_size, &unread) == ts_ok && old_size == size &&
                   memcmp(old, data, size) == 0;
    free(old);
    return is_same;
}

static void add_replay(const ts_trace *trace, const ts_instance *instance, const char *name, uint64_t hash,
                       bool is_edited, ts_text *out) {
    while (out->length && (out->data[out->length - 1] == '\n' || out->data[out->length - 1] == '}')) {
        bool is_brace = out->data[--out->length] == '}';
        if (is_brace) break;
    }
    ts_text_format(out,
                   ",\n \"replay\": {\"program\": \"%s.trn\", \"hash\": \"%016llx\", \"instance\": ", name,
                   (unsigned long long)hash);
    ts_text_quote(out, instance->name);
    if (is_edited) ts_text_format(out, ", \"chip\": \"%s.chip\"", name);
    ts_text_add(out, ", \"trace\": ");
    ts_text_add(out, trace ? "[" : "null");
    for (size_t i = 0; trace && i < trace->count; i++)
        ts_text_format(out, "%s%llu", i ? ", " : "", (unsigned long long)trace->runs[i]);
    ts_text_add(out, trace ? "]}}\n" : "}}\n");
}

static ts_status write_files(ts_arena *arena, const char *folder, const char *name, const uint8_t *data,
                             size_t size, const ts_program *program, const ts_record *record,
                             const ts_instance *instance, const ts_trace *trace, ts_diag *diag) {
    bool is_edited = false;
    for (int i = 0; i < ts_param_count(); i++)
        is_edited |= ts_param_value(&record->chip, i) != ts_param_at(i)->value;
    TS_TRY(ts_file_write(ts_arena_format(arena, "%s/%s.trn", folder, name), data, size, diag));
    ts_text text = {0};
    ts_status status = ts_ok;
    if (is_edited) {
        ts_chip_print(&record->chip, &text);
        status =
            ts_file_write(ts_arena_format(arena, "%s/%s.chip", folder, name), text.data, text.length, diag);
        text.length = 0;
    }
    ts_record_json(record, program, instance, &text);
    add_replay(trace, instance, name, ts_hash(data, size, 0), is_edited, &text);
    if (status == ts_ok)
        status =
            ts_file_write(ts_arena_format(arena, "%s/%s.json", folder, name), text.data, text.length, diag);
    ts_text_free(&text);
    return status;
}

ts_status ts_collect(const char *folder, const ts_program *program, const ts_record *record,
                     const ts_instance *instance, const ts_trace *trace, ts_diag *diag) {
    ts_arena arena = {0};
    uint8_t *data = NULL;
    size_t size = 0;
    TS_TRY(ts_program_encode(program, &data, &size, diag));
    const char *name = file_name(&arena, program->name);
    const char *path = ts_arena_format(&arena, "%s/%s.trn", folder, name);
    if (access(path, F_OK) == 0 && !holds(path, data, size))
        name = ts_arena_format(&arena, "%s-%08x", name, (unsigned)(ts_hash(data, size, 0) & 0xffffffff));
    ts_status status = write_files(&arena, folder, name, data, size, program, record, instance, trace, diag);
    free(data);
    ts_arena_free(&arena);
    return status;
}
