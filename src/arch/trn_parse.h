/* State of the parser of .trn text, and its functions for operands and fields (parse_operand.c). */
#ifndef TS_ARCH_TRN_PARSE_H
#define TS_ARCH_TRN_PARSE_H

#include "arch/isa.h"
#include "arch/trn_scan.h"

typedef struct ts_open_loop {
    const char *name; /* as written in the text */
    size_t length;
    uint32_t loop;
} ts_open_loop;

typedef struct ts_parser {
    ts_scan scan;
    ts_program *program;
    ts_arena scratch;
    ts_open_loop open[TS_MAX_LOOP_DEPTH];
    int depth;
    /* Hash tables with open addressing; entries are 1 + index into the program's tensors (by name) and
       rotations (by value). */
    uint32_t *tensor_slots, tensor_slot_count;
    uint32_t *rotation_slots, rotation_slot_count; /* a power of two */
} ts_parser;

/* Enters the name of the tensor that is about to be appended. False when the name is taken. */
bool ts_parse_declare(ts_parser *p, const char *name);
ts_status ts_parse_dtype(ts_parser *p, uint8_t *dtype);
ts_status ts_parse_count(ts_parser *p, ts_count *count);
/* Parses what follows a field's name, including the "=". */
ts_status ts_parse_field(ts_parser *p, const ts_field *field, void *value);
/* Parses what follows `wait` or `signal`, which begins at `word`, into the instruction's row of syncs. */
ts_status ts_parse_sync(ts_parser *p, const char *word, ts_inst *inst);

#endif
