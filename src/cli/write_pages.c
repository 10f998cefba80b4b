/* A tool of the build: writes the command's manual pages and completion script into a folder. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "cli/console.h"
#include "cli/manual.h"
#include "cli/verbs.h"

static ts_status write_text(ts_arena *arena, const char *folder, const char *name, ts_text *text,
                            ts_diag *diag) {
    ts_status status =
        ts_file_write(ts_arena_format(arena, "%s/%s", folder, name), text->data, text->length, diag);
    ts_text_free(text);
    return status;
}

static ts_status write_pages(ts_arena *arena, const char *folder, ts_diag *diag) {
    char *pages = NULL;
    ts_text text = {0};
    TS_TRY(ts_file_folder(ts_arena_format(arena, "%s/man1", folder), "folder", &pages, diag));
    free(pages);
    ts_manual_page(NULL, &text);
    TS_TRY(write_text(arena, folder, "man1/trainstone.1", &text, diag));
    for (int i = 0; i < TS_VERB_COUNT; i++) {
        const ts_verb *verb = ts_verb_at(i);
        ts_manual_page(verb, &text);
        TS_TRY(write_text(arena, folder, ts_arena_format(arena, "man1/trainstone-%s.1", verb->name), &text,
                          diag));
    }
    ts_manual_completion(&text);
    return write_text(arena, folder, "trainstone.bash", &text, diag);
}

int main(int argc, char **argv) {
    ts_arena arena = {0};
    ts_diag diag = {0};
    if (argc != 2) {
        fputs("usage: trainstone_pages FOLDER\n", stderr);
        return 2;
    }
    ts_status status = write_pages(&arena, argv[1], &diag);
    if (status != ts_ok) ts_console_error(&diag);
    ts_arena_free(&arena);
    return status == ts_ok ? 0 : 1;
}
