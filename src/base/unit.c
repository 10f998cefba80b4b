/* The open units of a thread form a stack of jmp_bufs, each with notes of what was allocated in it. The top
   of the stack is thread-local, the one variable outside of any caller's memory, because an allocation that
   fails is far below the entry point that must return the error. */
#include "base/unit.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct note {
    void *memory;
    const void *owner;
} note;

typedef struct unit {
    struct unit *outer;
    const void *const *kept;
    note *notes;
    size_t count, room;
    jmp_buf door;
} unit;

static _Thread_local unit *current;

static bool is_kept(const unit *u, const void *owner) {
    for (const void *const *at = u->kept; at && *at; at++)
        if (*at == owner) return true;
    return false;
}

static bool add_note(unit *u, note added) {
    if (u->count == u->room) {
        size_t room = u->room ? 2 * u->room : 32;
        note *larger = realloc(u->notes, room * sizeof *larger);
        if (!larger) return false;
        u->notes = larger;
        u->room = room;
    }
    u->notes[u->count++] = added;
    return true;
}

/* Searches from the newest note: memory that is freed or grown was mostly allocated last. */
static note *find_note(const void *memory) {
    for (unit *u = current; u; u = u->outer)
        for (size_t i = u->count; i-- > 0;)
            if (u->notes[i].memory == memory) return &u->notes[i];
    return NULL;
}

void ts_unit_fail(void) {
    if (!current) abort();
    longjmp(current->door, 1);
}

void ts_unit_add(void *memory, const void *owner) {
    if (!current || add_note(current, (note){memory, owner})) return;
    if (is_kept(current, owner)) return; /* The owner still frees it. */
    free(memory);
    ts_unit_fail();
}

void ts_unit_drop(void *memory) {
    note *found = memory ? find_note(memory) : NULL;
    if (found) found->memory = NULL;
    while (current && current->count && !current->notes[current->count - 1].memory)
        current->count--;
}

/* Moves what a finished unit allocated to the unit around it. False when that unit has no room to note it. */
static bool hand_out(unit *u) {
    size_t before = u->outer ? u->outer->count : 0;
    for (size_t i = 0; i < u->count && u->outer; i++) {
        if (!u->notes[i].memory || add_note(u->outer, u->notes[i])) continue;
        u->outer->count = before;
        return false;
    }
    return true;
}

static void free_notes(unit *u) {
    for (size_t i = 0; i < u->count; i++)
        if (!is_kept(u, u->notes[i].owner)) free(u->notes[i].memory);
}

ts_status ts_unit_run(const void *const *kept, ts_unit_work *work, void *context, const char *what,
                      ts_diag *diag) {
    unit own = {.outer = current, .kept = kept};
    current = &own;
    if (setjmp(own.door) == 0) {
        ts_status status = work(context);
        current = own.outer;
        if (hand_out(&own)) {
            free(own.notes);
            return status;
        }
        /* So rare that the result is given up, as if the last allocation had failed. */
    }
    current = own.outer;
    free_notes(&own);
    free(own.notes);
    return ts_fail(diag, ts_capacity, "%s: no host memory", what);
}
