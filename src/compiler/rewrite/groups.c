/* The members of a collective. StableHLO names them by replica, by partition, by replica with all its
   partitions, or by rank; here they become ranks (StableHLO's specification, "Collective ops"). */
#include "compiler/graph/collective.h"

#include <inttypes.h>
#include <string.h>

static const ts_attr *module_attr(const ts_module *module, const char *name) {
    for (uint32_t i = 0; i < module->attr_count; i++)
        if (strcmp(module->attrs[i].name, name) == 0) return module->attrs[i].value;
    return NULL;
}

/* ---- replicas and partitions ---- */

static bool has_sharding(const ts_attr *attrs) {
    for (uint32_t i = 0; attrs && attrs->kind == ts_attr_array && i < attrs->count; i++)
        for (uint32_t j = 0; attrs->array[i]->kind == ts_attr_dict && j < attrs->array[i]->count; j++) {
            const char *name = attrs->array[i]->dict[j].name;
            if (strcmp(name, "sdy.sharding") == 0 || strcmp(name, "mhlo.sharding") == 0) return true;
        }
    return false;
}

/* Whether the program's types are global ones that a partitioner has yet to divide. */
static bool is_whole(const ts_module *module) {
    if (module_attr(module, "trainstone.local")) return false;
    if (module->ops.count > 0) return true; /* meshes */
    for (uint32_t i = 0; i < module->funcs.count; i++)
        if (has_sharding(module->funcs.data[i]->arg_attrs) ||
            has_sharding(module->funcs.data[i]->result_attrs))
            return true;
    return false;
}

static ts_status find_count(const ts_module *module, const char *name, uint32_t *count, ts_diag *diag) {
    const ts_attr *attr = module_attr(module, name);
    *count = 1;
    if (!attr || attr->kind != ts_attr_int) return ts_ok;
    if (attr->integer < 1 || attr->integer > TS_MAX_RANKS) {
        ts_fail(diag, ts_unsupported,
                "%s is %" PRId64 ", and at least 1 and at most %d NeuronCores run a program", name,
                attr->integer, TS_MAX_RANKS);
        ts_diag_remedy(diag, "%s", "compile it for the NeuronCores of one instance");
        return ts_unsupported;
    }
    *count = (uint32_t)attr->integer;
    return ts_ok;
}

ts_status ts_module_find_ranks(ts_module *module, uint32_t replicas, ts_diag *diag) {
    TS_TRY(find_count(module, "mhlo.num_replicas", &module->replicas, diag));
    if (replicas > 1 && !module_attr(module, "mhlo.num_replicas")) module->replicas = replicas;
    TS_TRY(find_count(module, "mhlo.num_partitions", &module->partitions, diag));
    if (ts_module_ranks(module) > TS_MAX_RANKS) {
        ts_fail(diag, ts_unsupported, "%u replicas of %u partitions: at most %d NeuronCores run a program",
                module->replicas, module->partitions, TS_MAX_RANKS);
        ts_diag_remedy(diag, "%s", "compile it for the NeuronCores of one instance");
        return ts_unsupported;
    }
    if (module->partitions == 1 || !is_whole(module)) return ts_ok;
    ts_fail(diag, ts_unsupported, "a program of %u partitions that says how to cut it but is not cut yet",
            module->partitions);
    ts_diag_remedy(diag, "%s",
                   "run it through the JAX plugin or trainstone.export, which partition it, or write it with "
                   "jax.shard_map over all axes");
    return ts_unsupported;
}

/* ---- groups ---- */

bool ts_hlo_is_collective(unsigned kind) {
    switch (kind) {
    case ts_hlo_all_gather:
    case ts_hlo_all_reduce:
    case ts_hlo_all_to_all:
    case ts_hlo_collective_broadcast:
    case ts_hlo_collective_permute:
    case ts_hlo_reduce_scatter: return true;
    default: return false;
    }
}

int ts_groups_in_row(const ts_groups *groups, int row) {
    int count = 0;
    while (count < groups->size && groups->rank[row * groups->size + count] >= 0)
        count++;
    return count;
}

/* How the members of a group are named. */
typedef enum naming { by_replica, by_partition, by_replica_of_all_partitions, by_rank } naming;

static naming naming_of(const ts_op_node *op) {
    if (ts_op_int(op, "channel_id", 0) <= 0) return by_replica;
    switch (op->kind) {
    case ts_hlo_all_to_all:
    case ts_hlo_collective_broadcast:
    case ts_hlo_collective_permute: return by_partition;
    default: return ts_op_bool(op, "use_global_device_ids", false) ? by_rank : by_replica_of_all_partitions;
    }
}

typedef struct finder {
    const ts_module *module;
    const ts_op_node *op;
    ts_arena *arena;
    ts_diag *diag;
} finder;

#define fail_groups(f, ...) ts_op_fail((f)->module, (f)->op, (f)->diag, ts_input, __VA_ARGS__)

/* Rows and columns of a matrix, which is dense or a list of lists; false for anything else. */
static bool find_shape(const ts_attr *attr, int64_t *rows, int64_t *size) {
    if (attr->kind == ts_attr_dense && attr->type.rank == 2) {
        *rows = attr->type.dim[0];
        *size = attr->type.dim[1];
        return true;
    }
    *rows = attr->count;
    *size = attr->kind == ts_attr_array && attr->count > 0 ? attr->array[0]->count : 0;
    for (uint32_t i = 0; attr->kind == ts_attr_array && i < attr->count; i++)
        if (attr->array[i]->kind != ts_attr_array || attr->array[i]->count != *size) return false;
    return attr->kind == ts_attr_array || (attr->kind == ts_attr_dense && ts_type_elems(&attr->type) == 0);
}

/* Reads the rows as written; none when the list is empty, which means all ranks. */
static ts_status read_rows(const finder *f, const char *name, ts_groups *groups) {
    const ts_attr *attr = ts_op_attr(f->op, name);
    int64_t rows, size, elems;
    int count;
    *groups = (ts_groups){0};
    if (!attr) return ts_ok;
    if (!find_shape(attr, &rows, &size))
        return ts_op_fail(f->module, f->op, f->diag, ts_unsupported, "%s is not a matrix of numbers", name);
    if (__builtin_mul_overflow(rows, size, &elems) || elems > (int64_t)TS_MAX_RANKS * TS_MAX_RANKS)
        return fail_groups(f, "%s names more than %d ranks", name, TS_MAX_RANKS);
    if (elems <= 0) return ts_ok;
    groups->rank = TS_NEW_ARRAY(f->arena, int64_t, (size_t)elems);
    if (!ts_op_ints(f->op, name, groups->rank, (int)elems, &count) || count != elems)
        return fail_groups(f, "%s is not a matrix of integers", name);
    groups->rows = (int)rows;
    groups->size = (int)size;
    return ts_ok;
}

static ts_groups everybody(ts_arena *arena, int count) {
    ts_groups all = {.rows = 1, .size = count, .rank = TS_NEW_ARRAY(arena, int64_t, (size_t)count)};
    for (int i = 0; i < count; i++)
        all.rank[i] = i;
    return all;
}

/* Translates a row to ranks, for the partition or replica `at`. */
static void name_row(const ts_module *module, naming by, const int64_t *from, int size, int at, int64_t *to) {
    int64_t partitions = module->partitions;
    int count = 0, copies = by == by_replica_of_all_partitions ? (int)partitions : 1;
    for (int copy = 0; copy < copies; copy++)
        for (int i = 0; i < size; i++) {
            if (from[i] < 0) continue;
            switch (by) {
            case by_replica: to[count++] = from[i] * partitions + at; break;
            case by_partition: to[count++] = at * partitions + from[i]; break;
            case by_replica_of_all_partitions: to[count++] = from[i] * partitions + copy; break;
            case by_rank: to[count++] = from[i]; break;
            }
        }
    while (count < size * copies)
        to[count++] = -1;
}

/* Checks that each rank occurs once (in pairs: once on each side), and that all ranks occur where all must
   take part. */
static ts_status check_members(const finder *f, const ts_groups *groups) {
    bool is_seen[2][TS_MAX_RANKS] = {{false}}, is_pairs = f->op->kind == ts_hlo_collective_permute;
    bool may_lack = is_pairs || f->op->kind == ts_hlo_collective_broadcast;
    uint32_t ranks = ts_module_ranks(f->module), seen = 0;
    for (int i = 0; i < groups->rows * groups->size; i++) {
        int64_t rank = groups->rank[i];
        int side = is_pairs ? i % 2 : 0;
        if (rank < 0) continue;
        if (is_seen[side][rank]) return fail_groups(f, "its groups have a member twice");
        is_seen[side][rank] = true;
        seen++;
    }
    if (seen == ranks || may_lack) return ts_ok;
    return fail_groups(f, "its groups have %u members, the program %u", seen, ranks);
}

ts_status ts_groups_find(const ts_module *module, const ts_op_node *op, ts_arena *arena, ts_groups *groups,
                         ts_diag *diag) {
    const finder f = {.module = module, .op = op, .arena = arena, .diag = diag};
    bool is_pairs = op->kind == ts_hlo_collective_permute;
    naming by = naming_of(op);
    ts_groups rows;
    TS_TRY(read_rows(&f, is_pairs ? "source_target_pairs" : "replica_groups", &rows));
    int64_t names = by == by_rank        ? ts_module_ranks(module)
                    : by == by_partition ? module->partitions
                                         : module->replicas;
    if (is_pairs && rows.rows > 0 && rows.size != 2) return fail_groups(&f, "its pairs are not pairs");
    if (!is_pairs && rows.rows == 0) rows = everybody(arena, (int)names);
    for (int i = 0; i < rows.rows * rows.size; i++)
        if (rows.rank[i] >= names || rows.rank[i] < (is_pairs ? 0 : -1))
            return fail_groups(&f, "its groups name %" PRId64 ", and the program has %" PRId64 " %s",
                               rows.rank[i], names,
                               by == by_rank        ? "ranks"
                               : by == by_partition ? "partitions"
                                                    : "replicas");
    int times = by == by_replica ? (int)module->partitions : by == by_partition ? (int)module->replicas : 1;
    groups->rows = rows.rows * times;
    groups->size = rows.size * (by == by_replica_of_all_partitions ? (int)module->partitions : 1);
    groups->rank = TS_NEW_ARRAY(arena, int64_t, (size_t)(groups->rows * groups->size) + 1);
    for (int at = 0, row = 0; at < times; at++)
        for (int i = 0; i < rows.rows; i++, row++)
            name_row(module, by, &rows.rank[i * rows.size], rows.size, at, &groups->rank[row * groups->size]);
    return check_members(&f, groups);
}

ts_groups ts_groups_of(const ts_op_node *op, ts_arena *arena) {
    const ts_attr *attr = ts_op_attr(op, "ranks");
    ts_groups groups = {.rows = (int)attr->type.dim[0], .size = (int)attr->type.dim[1]};
    int elems = groups.rows * groups.size, count;
    groups.rank = TS_NEW_ARRAY(arena, int64_t, (size_t)elems + 1);
    ts_op_ints(op, "ranks", groups.rank, elems, &count);
    return groups;
}
