/* Collectives, and gpsimd_rank, which tells which rank a core is. First all ranks of the program meet, each
   with its operands. Then each rank reads from the HBM of the others what becomes its own result. They meet
   again before any of them goes on, since what was read may change from then on. Between the two meetings
   nothing can fail but a process that ends, so no rank waits for one that does not come. */
#include <stdio.h>
#include <string.h>

#include "base/copy.h"
#include "machine/engine.h"

enum { PIECE_BYTES = 1 << 16 };    /* copied by one thread at a time */
static const double BYTE_NS = 0.1; /* about what copying a byte costs */

/* This rank's view of a collective. */
typedef struct party {
    const ts_exec *exec;
    ts_offer own;
    uint8_t kind, op;
    const int32_t *members; /* the ranks of its group, in the order of `groups`; NULL: it is in no group */
    int64_t size;
    int place; /* of this rank among them */
} party;

static const ts_offer *offer_of(const party *p, int64_t member) {
    return p->exec->program->ranks > 1 ? ts_meeting_offer(p->exec, p->members[member]) : &p->own;
}

/* ---- whether all mean the same ---- */

/* What two members do not agree on, and the value of each. */
typedef struct difference {
    const char *what;
    char first[48], second[48];
} difference;

static bool differ_in_number(difference *d, const char *what, int64_t first, int64_t second) {
    if (first == second) return false;
    d->what = what;
    snprintf(d->first, sizeof d->first, "%lld", (long long)first);
    snprintf(d->second, sizeof d->second, "%lld", (long long)second);
    return true;
}

/* Names come from tables, so equal names are the same pointer. */
static bool differ_in_name(difference *d, const char *what, const char *first, const char *second) {
    if (first == second) return false;
    d->what = what;
    snprintf(d->first, sizeof d->first, "%s", first);
    snprintf(d->second, sizeof d->second, "%s", second);
    return true;
}

static bool differ_in_groups(difference *d, const ts_offer *a, const ts_offer *b) {
    if (differ_in_number(d, "rows of groups", a->rows, b->rows) ||
        differ_in_number(d, "ranks in a row of groups", a->columns, b->columns))
        return true;
    for (int64_t i = 0; a->groups != b->groups && i < a->rows * a->columns; i++)
        if (differ_in_number(d, "rank named in groups", a->groups[i], b->groups[i])) return true;
    return false;
}

static bool differ(const ts_offer *a, const ts_offer *b, difference *d) {
    if (differ_in_name(d, "instruction", ts_op_get(a->inst->op)->name, ts_op_get(b->inst->op)->name))
        return true;
    const ts_inst_collective *first = (const ts_inst_collective *)a->inst,
                             *second = (const ts_inst_collective *)b->inst;
    return differ_in_name(d, "kind", ts_cc_name(first->kind), ts_cc_name(second->kind)) ||
           differ_in_name(d, "op", ts_alu_name(first->op), ts_alu_name(second->op)) ||
           differ_in_name(d, "dtype", ts_dtype_get(a->src.dtype)->name, ts_dtype_get(b->src.dtype)->name) ||
           differ_in_number(d, "elements of src", a->src.elems, b->src.elems) ||
           differ_in_number(d, "elements of dst", a->dst.elems, b->dst.elems) || differ_in_groups(d, a, b);
}

/* Every rank compares all offers with that of rank 0, so all ranks find the same. */
static ts_status check_all(const ts_exec *exec) {
    difference d;
    for (int rank = 1; rank < ts_meeting_members(exec->meeting); rank++) {
        if (!differ(ts_meeting_offer(exec, 0), ts_meeting_offer(exec, rank), &d)) continue;
        ts_fail(exec->diag, ts_input, "rank 0 and rank %d do not mean the same collective: %s is %s and %s",
                rank, d.what, d.first, d.second);
        ts_diag_remedy(exec->diag, "all ranks must come to the same collectives in the same order");
        return ts_input;
    }
    return ts_ok;
}

/* ---- joining what all members have ---- */

typedef struct joining {
    const party *p;
    int64_t first, last; /* elements of dst */
    int64_t ahead;       /* element i of dst comes from elements i + ahead of the sources */
} joining;

/* Writes to dst only in the last step, since dst may be one of the sources. */
static void join_floats(const joining *j, int64_t at, int64_t n) {
    _Alignas(64) float kept[TS_CHUNK], read[TS_CHUNK], room[TS_CHUNK];
    const party *p = j->p;
    const ts_rows *dst = &p->own.dst;
    const float *total = ts_rows_read(&offer_of(p, 0)->src, 0, at + j->ahead, n, kept);
    for (int64_t i = 1; i < p->size; i++) {
        const float *next = ts_rows_read(&offer_of(p, i)->src, 0, at + j->ahead, n, read);
        float *out = i + 1 < p->size ? kept : ts_rows_target(dst, 0, at, n, room);
        ts_alu_floats(p->op, total, next, out, n);
        total = out;
    }
    ts_rows_write(dst, 0, at, n, total);
}

/* Sums and products are cut to the width of the type when they are stored. */
static void join_ints(const joining *j, int64_t at, int64_t n) {
    _Alignas(64) uint32_t kept[TS_CHUNK], read[TS_CHUNK];
    const party *p = j->p;
    const ts_dtype_info *type = ts_dtype_get(p->own.dst.dtype);
    const uint32_t *total = ts_rows_read_bits(&offer_of(p, 0)->src, 0, at + j->ahead, n, kept);
    for (int64_t i = 1; i < p->size; i++) {
        const uint32_t *next = ts_rows_read_bits(&offer_of(p, i)->src, 0, at + j->ahead, n, read);
        ts_alu_ints(p->op, type->kind == 's', type->bytes * 8, total, next, kept, n);
        total = kept;
    }
    ts_rows_write_bits(&p->own.dst, 0, at, n, total);
}

#define WIDE(name, expression)                                                                               \
    case ts_alu_##name:                                                                                      \
        for (int64_t i = 0; i < n; i++) {                                                                    \
            const uint64_t x = total[i], y = next[i];                                                        \
            total[i] = (expression);                                                                         \
        }                                                                                                    \
        break;

static void join_two_wide(unsigned op, bool is_signed, uint64_t *total, const uint64_t *next, int64_t n) {
    const uint64_t flip = is_signed ? UINT64_C(1) << 63 : 0; /* makes signed numbers compare as unsigned */
    switch (op) {
        WIDE(add, x + y)
        WIDE(subtract, x - y)
        WIDE(multiply, x * y)
        WIDE(max, (x ^ flip) > (y ^ flip) ? x : y)
        WIDE(min, (x ^ flip) < (y ^ flip) ? x : y)
        WIDE(logical_and, (x != 0) & (y != 0))
        WIDE(logical_or, (x != 0) | (y != 0))
        WIDE(logical_xor, (x != 0) ^ (y != 0))
        WIDE(bitwise_and, x & y)
        WIDE(bitwise_or, x | y)
        WIDE(bitwise_xor, x ^ y)
    default: break;
    }
}

/* Joins 64-bit integers, which no engine computes on. */
static void join_wide(const joining *j, int64_t at, int64_t n) {
    uint64_t total[TS_CHUNK], next[TS_CHUNK];
    const party *p = j->p;
    const bool is_signed = ts_dtype_get(p->own.dst.dtype)->kind == 's';
    const size_t bytes = (size_t)n * sizeof *total;
    const int64_t offset = (at + j->ahead) * (int64_t)sizeof *total;
    memcpy(total, offer_of(p, 0)->src.base + offset, bytes);
    for (int64_t i = 1; i < p->size; i++) {
        memcpy(next, offer_of(p, i)->src.base + offset, bytes);
        join_two_wide(p->op, is_signed, total, next, n);
    }
    memcpy(p->own.dst.base + at * (int64_t)sizeof *total, total, bytes);
}

/* Whether the bf16 operators of two arrays can do it: one operation is rounded once, as by way of fp32. */
static bool is_bf16_pair(const party *p) {
    const ts_rows *dst = &p->own.dst;
    return p->size == 2 && dst->dtype == ts_dtype_bf16 && ts_alu_is_bf16(p->op) && !dst->is_stochastic &&
           !dst->casts && ts_rows_are_arrays(dst) && ts_rows_are_arrays(&offer_of(p, 0)->src) &&
           ts_rows_are_arrays(&offer_of(p, 1)->src);
}

static void join_bf16(const joining *j, int64_t at, int64_t n) {
    const party *p = j->p;
    const int64_t from = (at + j->ahead) * 2;
    ts_alu_bf16(p->op, (const uint16_t *)(const void *)(offer_of(p, 0)->src.base + from),
                (const uint16_t *)(const void *)(offer_of(p, 1)->src.base + from),
                (uint16_t *)(void *)(p->own.dst.base + at * 2), n);
}

static void join_chunks(void *context, int64_t first, int64_t last) {
    const joining *j = context;
    const ts_dtype_info *type = ts_dtype_get(j->p->own.dst.dtype);
    const bool is_pair = is_bf16_pair(j->p);
    for (int64_t chunk = first; chunk < last; chunk++) {
        int64_t at = j->first + chunk * TS_CHUNK, n = j->last - at < TS_CHUNK ? j->last - at : TS_CHUNK;
        if (is_pair)
            join_bf16(j, at, n);
        else if (type->kind == 'f')
            join_floats(j, at, n);
        else if (type->bytes == 8)
            join_wide(j, at, n);
        else
            join_ints(j, at, n);
    }
}

static void join(const joining *j) {
    const party *p = j->p;
    double ns = TS_CHUNK * (double)p->size * (ts_alu_ns(p->op) + BYTE_NS * p->own.dst.size);
    ts_split(p->exec, (j->last - j->first + TS_CHUNK - 1) / TS_CHUNK, ns, join_chunks, (void *)(uintptr_t)j);
}

/* ---- copying ---- */

typedef struct copying {
    uint8_t *to;
    const uint8_t *from; /* NULL: zeros */
    int64_t bytes;
} copying;

static void copy_pieces(void *context, int64_t first, int64_t last) {
    const copying *c = context;
    const int64_t low = first * PIECE_BYTES, end = last * PIECE_BYTES, high = end < c->bytes ? end : c->bytes;
    if (c->from)
        ts_copy(c->to + low, c->from + low, (size_t)(high - low));
    else
        memset(c->to + low, 0, (size_t)(high - low));
}

static void move(const party *p, uint8_t *to, const uint8_t *from, int64_t bytes) {
    copying c = {to, from, bytes};
    if (to == from) return;
    ts_split(p->exec, (bytes + PIECE_BYTES - 1) / PIECE_BYTES, BYTE_NS * PIECE_BYTES, copy_pieces, &c);
}

/* Copies `elems` elements to element `at` of dst. */
static void copy(const party *p, int64_t at, const ts_rows *from, int64_t from_at, int64_t elems) {
    const int64_t size = p->own.dst.size;
    move(p, p->own.dst.base + at * size, from->base + from_at * size, elems * size);
}

/* ---- parts that change places: permute and all_to_all ---- */

/* The number of parts of dst. */
static int64_t parts_of(const party *p) {
    return p->kind == ts_cc_permute ? 1 : p->own.columns;
}

/* The rows that a part of dst comes from, beginning at element *from_at; NULL: the part becomes zeros. */
static const ts_rows *source_of(const party *p, int64_t part, int64_t *from_at) {
    *from_at = p->place * (p->own.dst.elems / parts_of(p));
    if (p->kind != ts_cc_permute) return &offer_of(p, part)->src;
    return p->members ? &offer_of(p, 0)->src : NULL;
}

static void move_parts(const party *p) {
    const int64_t parts = parts_of(p), elems = p->own.dst.elems / parts, bytes = elems * p->own.dst.size;
    for (int64_t i = 0; i < parts; i++) {
        int64_t from_at;
        const ts_rows *from = source_of(p, i, &from_at);
        move(p, p->own.dst.base + i * bytes, from ? from->base + from_at * p->own.dst.size : NULL, bytes);
    }
}

static int64_t room_elems(const party *p) {
    const ts_memory *room = &p->exec->core->shadow[TS_WORKSPACE];
    return room->partitions * room->pitch / p->own.dst.size / parts_of(p);
}

/* The same where dst is src on some rank: all ranks first copy a piece of each part aside, and write it once
   all have done so. A rank in no group only takes part in the meetings. */
static ts_status move_parts_in_place(const party *p) {
    const int64_t size = p->own.dst.size, parts = parts_of(p), elems = p->own.dst.elems / parts;
    const int64_t most = room_elems(p), own = p->kind == ts_cc_permute || p->members ? parts : 0;
    uint8_t *room = p->exec->core->shadow[TS_WORKSPACE].data;
    for (int64_t at = 0, n; at < elems; at += n) {
        n = elems - at < most ? elems - at : most;
        int64_t from_at;
        for (int64_t i = 0; i < own; i++) {
            const ts_rows *from = source_of(p, i, &from_at);
            if (from) move(p, room + i * n * size, from->base + (from_at + at) * size, n * size);
        }
        TS_TRY(ts_meet_again(p->exec));
        for (int64_t i = 0; i < own; i++)
            move(p, p->own.dst.base + (i * elems + at) * size,
                 source_of(p, i, &from_at) ? room + i * n * size : NULL, n * size);
    }
    return ts_ok;
}

static bool is_in_place(const ts_offer *offer) {
    return offer->dst.base == offer->src.base && !offer->is_copy;
}

static ts_status exchange(const party *p) {
    bool is_any_in_place = false;
    for (int i = 0; p->exec->program->ranks > 1 && i < ts_meeting_members(p->exec->meeting); i++)
        is_any_in_place |= is_in_place(ts_meeting_offer(p->exec, i));
    if (is_any_in_place) return move_parts_in_place(p);
    if (p->kind == ts_cc_permute || p->members) move_parts(p);
    return ts_ok;
}

/* ---- the kinds ---- */

/* Where the part of `elems` elements begins that a member joins for all: at a multiple of 64 elements, so
   that parts do not share a cache line. */
static int64_t begin_of_part(const party *p, int64_t elems, int64_t member) {
    return member == p->size ? elems : elems / p->size * member / 64 * 64;
}

/* An all_reduce: each member joins one part for all. After a meeting gather_parts takes the others from the
   members that made them. */
static void reduce_own_part(const party *p) {
    int64_t elems = p->own.dst.elems;
    joining j = {
        .p = p, .first = begin_of_part(p, elems, p->place), .last = begin_of_part(p, elems, p->place + 1)};
    join(&j);
    if (p->exec->program->ranks > 1) ts_meeting_show(p->exec, &p->own.dst, j.first, j.last);
}

static void gather_parts(const party *p) {
    for (int64_t i = 0; i < p->size; i++) {
        int64_t begin = begin_of_part(p, p->own.dst.elems, i);
        int64_t end = begin_of_part(p, p->own.dst.elems, i + 1);
        if (i != p->place) copy(p, begin, &offer_of(p, i)->dst, begin, end - begin);
    }
}

/* The whole collective, except what an all_reduce does after the next meeting. */
static ts_status execute(const party *p) {
    const int64_t elems = p->own.src.elems;
    joining whole = {.p = p, .last = p->own.dst.elems, .ahead = p->place * p->own.dst.elems};
    if (p->kind == ts_cc_permute || p->kind == ts_cc_all_to_all) return exchange(p);
    if (!p->members) return ts_ok;
    switch (p->kind) {
    case ts_cc_all_reduce: reduce_own_part(p); break;
    case ts_cc_reduce_scatter: join(&whole); break;
    case ts_cc_broadcast: copy(p, 0, &offer_of(p, 0)->src, 0, elems); break;
    default: /* all_gather */
        for (int64_t i = 0; i < p->size; i++)
            copy(p, i * elems, &offer_of(p, i)->src, 0, elems);
        break;
    }
    return ts_ok;
}

/* Finds the rank's group. For a permute, which lists pairs of source and target, the group of a target is its
   source alone. */
static void find_group(party *p) {
    const int rank = p->exec->program->ranks > 1 ? p->exec->member : 0;
    const bool is_pairs = p->kind == ts_cc_permute;
    for (int64_t i = is_pairs; i < p->own.rows * p->own.columns; i += 1 + is_pairs) {
        if (p->own.groups[i] != rank) continue;
        p->size = is_pairs ? 1 : p->own.columns;
        p->place = is_pairs ? 0 : (int)(i % p->size);
        p->members = p->own.groups + i - (is_pairs ? 1 : p->place);
    }
}

/* dst and src must not overlap, unless they are the same: then a rank overwrites only what no other rank
   reads, or what was copied aside. */
static ts_status check_overlap(const party *p) {
    const ts_rows *dst = &p->own.dst, *src = &p->own.src;
    const uint8_t *dst_end = dst->base + dst->elems * dst->size,
                  *src_end = src->base + src->elems * src->size;
    if (dst_end <= src->base || src_end <= dst->base) return ts_ok;
    if (!is_in_place(&p->own) || dst->elems != src->elems)
        return ts_fail(p->exec->diag, ts_undefined, "dst and src of a collective share memory");
    if (room_elems(p) > 0) return ts_ok;
    return ts_fail(p->exec->diag, ts_capacity,
                   "SBUF of the chip is too small to exchange %lld parts in place", (long long)parts_of(p));
}

ts_status ts_exec_collective(ts_exec *exec, const ts_inst *head) {
    const ts_inst_collective *inst = (const ts_inst_collective *)head;
    const ts_tensor *groups = &exec->program->tensors.data[inst->groups.tensor];
    const bool is_alone = exec->program->ranks == 1;
    ts_operand_set set = {.exec = exec};
    ts_rows named;
    party p = {.exec = exec, .kind = inst->kind, .op = inst->op};
    p.own = (ts_offer){.inst = head, .rows = groups->dim[0], .columns = groups->dim[1]};
    ts_rows_whole(&set, &inst->dst, &p.own.dst);
    ts_rows_get(&set, &inst->src, &p.own.src);
    ts_rows_get(&set, &inst->groups, &named);
    if (!ts_operands_ready(&set)) return ts_ok;
    p.own.groups = (const int32_t *)(const void *)named.base;
    TS_TRY(check_overlap(&p));
    if (!is_alone) {
        TS_TRY(ts_meet(exec, &p.own));
        TS_TRY(check_all(exec));
    }
    find_group(&p);
    TS_TRY(execute(&p));
    if (!is_alone && p.kind == ts_cc_all_reduce) {
        TS_TRY(ts_meet_again(exec));
        if (p.members) gather_parts(&p);
    }
    return is_alone ? ts_ok : ts_meet_again(exec);
}

/* ---- which rank a core is ---- */

typedef struct number {
    ts_rows dst;
    uint32_t rank;
} number;

static void fill(void *context, int64_t first, int64_t last) {
    const number *f = context;
    uint32_t values[TS_CHUNK];
    for (int i = 0; i < TS_CHUNK; i++)
        values[i] = f->rank;
    for (int64_t part = first; part < last; part++)
        for (int64_t from = 0, n; from < f->dst.elems; from += n) {
            n = f->dst.elems - from < TS_CHUNK ? f->dst.elems - from : TS_CHUNK;
            ts_rows_write_ints(&f->dst, part, from, n, values, true);
        }
}

ts_status ts_exec_gpsimd_rank(ts_exec *exec, const ts_inst *head) {
    const ts_inst_gpsimd_rank *inst = (const ts_inst_gpsimd_rank *)head;
    ts_operand_set set = {.exec = exec};
    number f = {.rank = exec->program->ranks > 1 ? (uint32_t)exec->member : 0};
    ts_rows_whole(&set, &inst->dst, &f.dst);
    if (!ts_operands_known(&set)) return ts_ok;
    ts_work_local(&set, &(ts_work){fill, f.dst.parts, 1, 0.5 * (double)f.dst.elems, &f, sizeof f});
    return ts_ok;
}
