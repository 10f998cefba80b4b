/* Arena: a list of blocks of growing size, with bump allocation; all blocks are freed at once. */
#include "base/arena.h"

#include "base/unit.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* tests/unit/allocation_failures.c builds this file with blocks of a single request, so that every request
   can be refused in turn. */
#ifndef TS_ARENA_LARGEST_BLOCK
#define TS_ARENA_LARGEST_BLOCK (1 << 20)
#endif
enum { ALIGNMENT = 16, FIRST_BLOCK = 4096, LARGEST_BLOCK = TS_ARENA_LARGEST_BLOCK };

struct ts_arena_block {
    ts_arena_block *next;
    size_t used, size;
    _Alignas(ALIGNMENT) unsigned char data[];
};

/* A request for more than half a block gets a block of its own behind the current one, so that the room left
   in the current block is still used. */
static ts_arena_block *add_block(ts_arena *arena, size_t request) {
    size_t size = arena->blocks ? arena->blocks->size * 2 : (size_t)FIRST_BLOCK;
    if (size > LARGEST_BLOCK) size = LARGEST_BLOCK;
    bool is_large = request > size / 2 && arena->blocks;
    if (is_large || request > size) size = request;
    if (size > SIZE_MAX - sizeof(ts_arena_block)) ts_unit_fail();
    ts_arena_block *block = calloc(1, sizeof *block + size);
    if (!block) ts_unit_fail();
    ts_unit_add(block, arena);
    block->size = size;
    if (is_large) {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = arena->blocks;
        arena->blocks = block;
    }
    return block;
}

void *ts_arena_alloc(ts_arena *arena, size_t size) {
    if (size > SIZE_MAX - ALIGNMENT) ts_unit_fail();
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (size == 0) size = ALIGNMENT;
    ts_arena_block *block = arena->blocks;
    if (!block || block->size - block->used < size) block = add_block(arena, size);
    void *memory = block->data + block->used;
    block->used += size;
    arena->bytes_used += size;
    return memory;
}

void *ts_arena_array(ts_arena *arena, size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size) ts_unit_fail();
    return ts_arena_alloc(arena, count * size);
}

void *ts_arena_copy(ts_arena *arena, const void *data, size_t size) {
    void *copy = ts_arena_alloc(arena, size);
    if (size) memcpy(copy, data, size);
    return copy;
}

char *ts_arena_string_n(ts_arena *arena, const char *text, size_t length) {
    char *copy = ts_arena_alloc(arena, length + 1);
    if (length) memcpy(copy, text, length);
    return copy;
}

char *ts_arena_string(ts_arena *arena, const char *text) {
    return ts_arena_string_n(arena, text, strlen(text));
}

char *ts_arena_format(ts_arena *arena, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = ts_arena_alloc(arena, length < 0 ? 1 : (size_t)length + 1);
    if (length >= 0) vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

void ts_arena_free(ts_arena *arena) {
    ts_arena_block *block = arena->blocks;
    while (block) {
        ts_arena_block *next = block->next;
        ts_unit_drop(block);
        free(block);
        block = next;
    }
    *arena = (ts_arena){0};
}

void *ts_vec_grow_(ts_arena *arena, void *data, uint32_t count, uint32_t *capacity, size_t size) {
    if (count > UINT32_MAX / 2) ts_unit_fail();
    uint32_t larger = count < 8 ? 8 : count * 2;
    void *grown = ts_arena_array(arena, larger, size);
    if (count) memcpy(grown, data, count * size);
    *capacity = larger;
    return grown;
}
