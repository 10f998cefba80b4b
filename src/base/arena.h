/* Arena: memory of one unit of work, freed all at once; single allocations are never freed. */
#ifndef TS_BASE_ARENA_H
#define TS_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

typedef struct ts_arena_block ts_arena_block;

/* Zero-initialise before use. Not thread-safe. When the host has no memory, the unit of work ends
   (base/unit.h). */
typedef struct ts_arena {
    ts_arena_block *blocks;
    size_t bytes_used;
} ts_arena;

/* Zeroed memory, aligned to 16 bytes; lives until ts_arena_free. size 0 gives a valid pointer. */
void *ts_arena_alloc(ts_arena *arena, size_t size);
/* Zeroed array; ends the unit of work when count * size overflows or does not fit in memory. */
void *ts_arena_array(ts_arena *arena, size_t count, size_t size);
/* Copies in the arena; strings are zero-terminated. */
void *ts_arena_copy(ts_arena *arena, const void *data, size_t size);
char *ts_arena_string(ts_arena *arena, const char *text);
char *ts_arena_string_n(ts_arena *arena, const char *text, size_t length);
char *ts_arena_format(ts_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Frees everything in the arena, which is then empty and can be used again. */
void ts_arena_free(ts_arena *arena);

#define TS_NEW(arena, type)              ((type *)ts_arena_alloc((arena), sizeof(type)))
#define TS_NEW_ARRAY(arena, type, count) ((type *)ts_arena_array((arena), (count), sizeof(type)))

/* Growable array in an arena: struct { T *data; uint32_t count, capacity; }. A push that grows the array
   moves it, so pointers to elements do not survive a push. */
#define TS_VEC(T)                                                                                            \
    struct {                                                                                                 \
        T *data;                                                                                             \
        uint32_t count, capacity;                                                                            \
    }
/* Gives an empty array room for `room` elements. */
#define ts_vec_reserve(vec, arena, room)                                                                     \
    do {                                                                                                     \
        (vec)->capacity = (room);                                                                            \
        (vec)->data = ts_arena_array((arena), (vec)->capacity, sizeof *(vec)->data);                         \
    } while (0)
void *ts_vec_grow_(ts_arena *arena, void *data, uint32_t count, uint32_t *capacity, size_t size);
#define ts_vec_push(vec, arena, value)                                                                       \
    do {                                                                                                     \
        if ((vec)->count == (vec)->capacity)                                                                 \
            (vec)->data =                                                                                    \
                ts_vec_grow_((arena), (vec)->data, (vec)->count, &(vec)->capacity, sizeof *(vec)->data);     \
        (vec)->data[(vec)->count++] = (value);                                                               \
    } while (0)

#endif
