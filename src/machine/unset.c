/* Poison: in a run that asks for it, bytes of SBUF and PSUM that nothing has set read as NaN. Filling both
   memories would take longer than a short kernel. So a line is filled, for all partitions at once, when an
   operand first touches bytes of it that are not set, and never if an instruction sets them first. A line
   keeps one number for all partitions, how many leading bytes are set; that is enough because tiles begin
   where lines do. */
#include <string.h>

#include "machine/core.h"

void ts_unset_begin(ts_memory *memory, bool is_poisoned) {
    memory->is_poisoned = is_poisoned;
    if (is_poisoned) memset(memory->set, 0, (size_t)memory->pitch / TS_LINE + 1);
}

/* Writes NaN to the bytes [low, high) of the partitions [first, last). */
static void fill(const ts_memory *memory, int64_t first, int64_t last, int64_t low, int64_t high) {
    for (int64_t part = first; part < last; part++)
        memset(memory->data + part * memory->pitch + low, 0xff, (size_t)(high - low));
}

/* Where a range that ends at `high` ends in the line, as bytes from the line's start. */
static int64_t end_in(int64_t line, int64_t high) {
    int64_t end = high - line * TS_LINE;
    return end < TS_LINE ? end : TS_LINE;
}

/* Finds the next bytes [*from, *to) that are not set, from *line on and up to `high`; lines without any set
   byte are joined. *line becomes the line after them. False when there are none. */
static bool next_unset(const ts_memory *memory, int64_t *line, int64_t high, int64_t *from, int64_t *to) {
    int64_t end = (high + TS_LINE - 1) / TS_LINE;
    while (*line < end && memory->set[*line] >= end_in(*line, high))
        ++*line;
    if (*line >= end) return false;
    *from = *line * TS_LINE + memory->set[*line];
    do
        ++*line;
    while (*line < end && memory->set[*line] == 0);
    *to = *line * TS_LINE;
    return true;
}

void ts_unset_meet(ts_memory *memory, int64_t low, int64_t high) {
    int64_t line = low / TS_LINE, from, to;
    while (next_unset(memory, &line, high, &from, &to)) {
        fill(memory, 0, memory->partitions, from, to);
        memset(memory->set + from / TS_LINE, TS_LINE, (size_t)(line - from / TS_LINE));
    }
}

void ts_unset_write(ts_memory *memory, int64_t part, int64_t parts, int64_t low, int64_t high) {
    int64_t line = low / TS_LINE, from, to;
    if (memory->set[line] < low % TS_LINE) ts_unset_meet(memory, low, low + 1);
    if (parts == memory->partitions) return;
    while (next_unset(memory, &line, high, &from, &to)) {
        fill(memory, 0, part, from, to);
        fill(memory, part + parts, memory->partitions, from, to);
    }
}

void ts_unset_end(ts_memory *memory, int64_t low, int64_t high) {
    for (int64_t line = low / TS_LINE; line * TS_LINE < high; line++)
        if (memory->set[line] < end_in(line, high)) memory->set[line] = (uint8_t)end_in(line, high);
}
