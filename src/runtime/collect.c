/* Writes records of runs as files. */
#include "runtime/collect.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/unit.h"

/* Makes a name that is a valid file name everywhere. */
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

typedef struct job {
    const char *folder;
    const ts_program *program;
    const ts_record *record;
    const ts_instance *instance;
    const ts_trace *trace;
    const uint8_t *data; /* the encoded program */
    size_t size;
    ts_diag *diag;
} job;

static ts_status write_text(ts_arena *arena, const job *j, const char *name, const char *suffix,
                            ts_text *text) {
    return ts_file_write(ts_arena_format(arena, "%s/%s%s", j->folder, name, suffix), text->data, text->length,
                         j->diag);
}

static ts_status write_files(ts_arena *arena, const job *j, const char *name) {
    bool is_edited = ts_chip_is_edited(&j->record->chip);
    ts_text chip = {0}, text = {0};
    ts_chip_print(&j->record->chip, &chip);
    ts_record_json(j->record, j->program, j->instance, &text);
    add_replay(j->trace, j->instance, name, ts_hash(j->data, j->size, 0), is_edited, &text);
    ts_status status =
        ts_file_write(ts_arena_format(arena, "%s/%s.trn", j->folder, name), j->data, j->size, j->diag);
    if (status == ts_ok && is_edited) status = write_text(arena, j, name, ".chip", &chip);
    if (status == ts_ok) status = write_text(arena, j, name, ".json", &text);
    ts_text_free(&chip);
    ts_text_free(&text);
    return status;
}

static ts_status collect_within(void *context) {
    const job *j = context;
    ts_arena arena = {0};
    const char *name = file_name(&arena, j->program->name);
    const char *path = ts_arena_format(&arena, "%s/%s.trn", j->folder, name);
    if (access(path, F_OK) == 0 && !holds(path, j->data, j->size))
        name =
            ts_arena_format(&arena, "%s-%08x", name, (unsigned)(ts_hash(j->data, j->size, 0) & 0xffffffff));
    ts_status status = write_files(&arena, j, name);
    ts_arena_free(&arena);
    return status;
}

ts_status ts_collect(const char *folder, const ts_program *program, const ts_record *record,
                     const ts_instance *instance, const ts_trace *trace, ts_diag *diag) {
    uint8_t *data = NULL;
    size_t size = 0;
    TS_TRY(ts_program_encode(program, &data, &size, diag));
    job j = {.folder = folder,
             .program = program,
             .record = record,
             .instance = instance,
             .trace = trace,
             .data = data,
             .size = size,
             .diag = diag};
    ts_status status = ts_unit_run(NULL, collect_within, &j, "a record of a run", diag);
    free(data);
    return status;
}
