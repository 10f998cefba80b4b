/* What is known of a tile of a program whose tiles have their addresses, beyond the operands that name it. */
#ifndef TS_ARCH_TILES_H
#define TS_ARCH_TILES_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ts_tile_life {
    uint8_t space;        /* ts_space: SBUF or PSUM */
    bool is_set_whole;    /* by its first instruction, in all its partitions, whatever they held */
    uint32_t first, last; /* positions in the code of its accesses */
    int64_t address;      /* in each partition */
    int64_t bytes;        /* of each partition: no access goes beyond */
} ts_tile_life;

#endif
