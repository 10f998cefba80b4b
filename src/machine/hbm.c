/* HBM: a first-fit allocator of modelled addresses in each core's stack, over host memory that is mapped only
   when touched. */
#include "machine/core.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Modelled addresses are multiples of a line that suits DMAs; extents from MAP_BYTES on get pages of their
   own. */
enum { ALIGN = 64, MAP_BYTES = 1 << 16 };

static uint64_t round_up(uint64_t bytes) {
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

ts_status ts_hbm_open(ts_machine *machine, ts_diag *diag) {
    ts_hbm *hbm = &machine->hbm;
    hbm->stacks = calloc((size_t)machine->core_count, sizeof *hbm->stacks);
    if (!hbm->stacks) return ts_fail(diag, ts_system, "no memory for a machine");
    for (int i = 0; i < machine->core_count; i++) {
        ts_stack *stack = &hbm->stacks[i];
        stack->capacity = (uint64_t)machine->chip.hbm_bytes / (uint64_t)machine->core_count / ALIGN * ALIGN;
        stack->base = (uint64_t)i * stack->capacity;
        if (stack->capacity == 0) continue;
        stack->holes = malloc(sizeof *stack->holes);
        if (!stack->holes) return ts_fail(diag, ts_system, "no memory for a machine");
        *stack->holes = (ts_hole){.address = stack->base, .bytes = stack->capacity};
    }
    return ts_ok;
}

static void free_host(ts_extent_node *node) {
    if (node->mapped)
        ts_unmap(node->extent.host, node->mapped);
    else if (!node->extent.is_imported)
        free(node->extent.host);
}

/* Frees an extent that holds no addresses. */
static void drop(ts_extent_node *node) {
    free_host(node);
    free(node->spare);
    free(node);
}

void ts_hbm_close(ts_machine *machine) {
    ts_hbm *hbm = &machine->hbm;
    for (ts_extent_node *node = hbm->live, *next; node; node = next) {
        next = node->next;
        drop(node);
    }
    for (int i = 0; hbm->stacks && i < machine->core_count; i++)
        for (ts_hole *hole = hbm->stacks[i].holes, *next; hole; hole = next) {
            next = hole->next;
            free(hole);
        }
    free(hbm->stacks);
}

static uint64_t largest_hole(const ts_stack *stack) {
    uint64_t largest = 0;
    for (const ts_hole *hole = stack->holes; hole; hole = hole->next)
        if (hole->bytes > largest) largest = hole->bytes;
    return largest;
}

/* Takes `bytes` from the first hole that has them; false when none has. */
static bool take(ts_stack *stack, uint64_t bytes, uint64_t *address) {
    for (ts_hole **at = &stack->holes; *at; at = &(*at)->next) {
        ts_hole *hole = *at;
        if (hole->bytes < bytes) continue;
        *address = hole->address;
        hole->address += bytes;
        hole->bytes -= bytes;
        if (hole->bytes == 0) {
            *at = hole->next;
            free(hole);
        }
        return true;
    }
    return false;
}

/* Gives a range back and joins it with the holes that it touches. `spare` becomes the new hole or is
   freed. */
static void give(ts_stack *stack, uint64_t address, uint64_t bytes, ts_hole *spare) {
    ts_hole *before = NULL, *after = stack->holes;
    while (after && after->address < address) {
        before = after;
        after = after->next;
    }
    bool joins_before = before && before->address + before->bytes == address;
    bool joins_after = after && address + bytes == after->address;
    if (joins_before && joins_after) {
        before->bytes += bytes + after->bytes;
        before->next = after->next;
        free(after);
    } else if (joins_before) {
        before->bytes += bytes;
    } else if (joins_after) {
        after->address = address;
        after->bytes += bytes;
    } else {
        *spare = (ts_hole){.next = after, .address = address, .bytes = bytes};
        *(before ? &before->next : &stack->holes) = spare;
        return;
    }
    free(spare);
}

static ts_status full(const ts_machine *machine, int core, uint64_t bytes, ts_diag *diag) {
    const ts_stack *stack = &machine->hbm.stacks[core];
    ts_fail(diag, ts_capacity,
            "HBM of core %d is full: %" PRIu64 " bytes asked for, %" PRIu64 " of %" PRIu64
            " in use, largest free range %" PRIu64,
            core, bytes, stack->in_use, stack->capacity, largest_hole(stack));
    ts_diag_remedy(diag, "use a smaller batch or model, or free arrays that are no longer needed");
    return ts_capacity;
}

/* Takes addresses for an extent and links it into the list. Frees the node on failure. */
static ts_status place(ts_machine *machine, ts_extent_node *node, ts_diag *diag) {
    ts_hbm *hbm = &machine->hbm;
    ts_stack *stack = &hbm->stacks[node->extent.core];
    ts_status status = ts_ok;
    node->reserved = round_up(node->extent.bytes);
    node->extent.address = stack->base;
    pthread_mutex_lock(&hbm->lock);
    if (node->extent.bytes > stack->capacity ||
        (node->reserved && !take(stack, node->reserved, &node->extent.address))) {
        status = full(machine, node->extent.core, node->extent.bytes, diag);
    } else {
        stack->in_use += node->reserved;
        stack->allocations++;
        if (stack->in_use > stack->peak) stack->peak = stack->in_use;
        node->next = hbm->live;
        if (hbm->live) hbm->live->previous = node;
        hbm->live = node;
    }
    pthread_mutex_unlock(&hbm->lock);
    if (status != ts_ok) drop(node);
    return status;
}

static ts_status new_node(ts_machine *machine, int core, uint64_t bytes, ts_extent_node **node,
                          ts_diag *diag) {
    if (core < 0 || core >= machine->core_count)
        return ts_fail(diag, ts_usage, "no core %d: the chip has %d", core, machine->core_count);
    *node = calloc(1, sizeof **node);
    ts_hole *spare = malloc(sizeof *spare);
    if (!*node || !spare) {
        free(*node);
        free(spare);
        return ts_fail(diag, ts_system, "no memory for an HBM extent");
    }
    (*node)->spare = spare;
    (*node)->extent.bytes = bytes;
    (*node)->extent.core = core;
    return ts_ok;
}

static bool map_host(ts_extent_node *node) {
    uint64_t bytes = node->extent.bytes;
    if (bytes >= MAP_BYTES) {
        node->mapped = bytes;
        node->extent.host = ts_map(bytes);
    } else {
        size_t size = bytes ? round_up(bytes) : ALIGN;
        node->extent.host = aligned_alloc(ALIGN, size);
        if (node->extent.host) memset(node->extent.host, 0, size);
    }
    return node->extent.host != NULL;
}

ts_status ts_hbm_alloc(ts_machine *machine, int core, uint64_t bytes, ts_extent **extent, ts_diag *diag) {
    ts_extent_node *node;
    *extent = NULL;
    TS_TRY(new_node(machine, core, bytes, &node, diag));
    TS_TRY(place(machine, node, diag));
    if (!map_host(node)) {
        ts_hbm_free(machine, &node->extent);
        return ts_fail(diag, ts_system, "the host has no %" PRIu64 " bytes to stand for HBM", bytes);
    }
    *extent = &node->extent;
    return ts_ok;
}

ts_status ts_hbm_import(ts_machine *machine, int core, const void *host, uint64_t bytes, ts_extent **extent,
                        ts_diag *diag) {
    ts_extent_node *node;
    *extent = NULL;
    TS_TRY(new_node(machine, core, bytes, &node, diag));
    node->extent.is_imported = true;
    node->extent.host = (void *)(uintptr_t)host;
    TS_TRY(place(machine, node, diag));
    *extent = &node->extent;
    return ts_ok;
}

void ts_hbm_free(ts_machine *machine, ts_extent *extent) {
    if (!extent) return;
    ts_hbm *hbm = &machine->hbm;
    ts_extent_node *node = (ts_extent_node *)extent;
    ts_stack *stack = &hbm->stacks[extent->core];
    pthread_mutex_lock(&hbm->lock);
    if (node->reserved)
        give(stack, extent->address, node->reserved, node->spare);
    else
        free(node->spare);
    stack->in_use -= node->reserved;
    stack->allocations--;
    if (node->previous) node->previous->next = node->next;
    if (node->next) node->next->previous = node->previous;
    if (hbm->live == node) hbm->live = node->next;
    pthread_mutex_unlock(&hbm->lock);
    free_host(node);
    free(node);
}

void ts_hbm_get_stats(ts_machine *machine, int core, ts_hbm_stats *stats) {
    memset(stats, 0, sizeof *stats);
    if (core < 0 || core >= machine->core_count) return;
    pthread_mutex_lock(&machine->hbm.lock);
    const ts_stack *stack = &machine->hbm.stacks[core];
    *stats = (ts_hbm_stats){.capacity = stack->capacity,
                            .in_use = stack->in_use,
                            .peak = stack->peak,
                            .largest_free = largest_hole(stack),
                            .allocations = stack->allocations};
    pthread_mutex_unlock(&machine->hbm.lock);
}
