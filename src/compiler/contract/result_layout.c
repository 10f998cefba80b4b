/* Chooses where a contraction's result lies: in the order in which its only reader, behind transposes and
   reshapes, takes it (as when attention puts its heads side by side again), or as a part of a concatenation.
   No copy is needed then. */
#include <string.h>

#include "compiler/lower/assemble.h"
#include "compiler/lower/lower.h"

enum { MOST_STEPS = 8 };

static ts_lowered *note(const ts_value *value) {
    return value->note;
}

static bool is_free(const ts_lower *lower, const ts_value *value) {
    const ts_lowered *lowered = note(value);
    return lowered->uses == 1 && !lowered->output && !lowered->home && !lowered->slot && lowered->reader &&
           lowered->region == lower->region;
}

/* Given the view of the op's result, the view of its operand. */
static bool undo(const ts_op_node *op, const ts_view *view, ts_view *operand) {
    const ts_type *type = &op->operands[0]->type;
    int64_t dims[TS_MAX_RANK];
    int perm[TS_MAX_RANK], count = 0;
    if (op->kind == ts_hlo_reshape) return ts_view_reshape(view, type->rank, type->dim, operand);
    ts_op_ints(op, "permutation", dims, TS_MAX_RANK, &count);
    for (int i = 0; i < count; i++)
        perm[dims[i]] = i;
    *operand = ts_view_permute(view, count, perm);
    return true;
}

/* Whether some op of the chain would copy a value in its natural layout. */
static bool needs_copy(const ts_op_node *const *chain, int count, const ts_type *type) {
    ts_view view = ts_view_of_tensor(0, type), next;
    for (int i = 0; i < count; i++) {
        if (!ts_view_apply(chain[i], &view, &next)) return true;
        view = next;
    }
    return false;
}

/* Whether the result would have to be stored element by element there; a copy afterwards is faster. */
static bool is_scattered(const ts_view *view, const ts_value *value) {
    ts_view own = ts_view_of_tensor(view->tensor, &value->type);
    return ts_view_is_swapped(&own, view);
}

/* Whether elements of parts take turns, as the real and imaginary parts of complex numbers do, and are put
   together in SBUF sooner than each is stored by itself. */
static bool is_interleaved(const ts_op_node *op, const ts_value *part) {
    int64_t run = 1;
    for (int i = (int)ts_op_int(op, "dimension", 0); i < part->type.rank; i++)
        run *= part->type.dim[i];
    return run == 1 && ts_type_elems(&op->results[0]->type) >= TS_ASSEMBLE_FEWEST;
}

/* The operand's part of a concatenation's storage, which is made for the first operand. */
static ts_view part_of(ts_lower *lower, const ts_op_node *op, const ts_value *operand) {
    ts_value *whole = op->results[0];
    int64_t axis = ts_op_int(op, "dimension", 0);
    if (!note(whole)->is_reserved) {
        ts_lower_result(lower, whole);
        note(whole)->is_reserved = true;
        note(whole)->has_view = false;
    }
    ts_view view = note(whole)->view;
    for (uint32_t i = 0; op->operands[i] != operand; i++)
        view.offset += op->operands[i]->type.dim[axis] * view.stride[axis];
    view.dim[axis] = operand->type.dim[axis];
    return view;
}

bool ts_lower_layout(ts_lower *lower, ts_value *value) {
    const ts_op_node *chain[MOST_STEPS];
    const ts_value *last = value;
    int count = 0;
    while (count < MOST_STEPS && is_free(lower, last) &&
           (note(last)->reader->kind == ts_hlo_transpose || note(last)->reader->kind == ts_hlo_reshape)) {
        chain[count++] = note(last)->reader;
        last = chain[count - 1]->results[0];
    }
    bool is_part = is_free(lower, last) && note(last)->reader->kind == ts_hlo_concatenate &&
                   !is_interleaved(note(last)->reader, last);
    if (!is_part && (note(last)->output || !needs_copy(chain, count, &value->type))) return false;
    ts_view view = ts_view_of_tensor(0, &last->type), operand;
    /* The first pass checks that the chain can be undone, before anything is made. */
    for (int pass = 0; pass < 2; pass++) {
        for (int i = count; i-- > 0; view = operand)
            if (!undo(chain[i], &view, &operand)) return false;
        if (pass == 1) break;
        if (is_scattered(&view, value)) return false;
        view = is_part ? part_of(lower, note(last)->reader, last)
                       : ts_view_of_tensor(ts_lower_scratch(lower, &last->type, "laid_out"), &last->type);
    }
    note(value)->view = view;
    note(value)->has_view = true;
    return true;
}
