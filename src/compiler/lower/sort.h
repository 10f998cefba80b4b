/* Sorting between the files that share it: what a comparator orders by, and the form that lowering takes. */
#ifndef TS_COMPILER_LOWER_SORT_H
#define TS_COMPILER_LOWER_SORT_H

#include "compiler/lower/lower.h"

enum { TS_SORT_KEYS = 8 };

/* One key of a lexicographic order: a value of the comparator computed from its left arguments. The right
   arguments give the other side by the same ops. */
typedef struct ts_sort_key {
    const ts_value *value;
    bool is_descending;
    bool is_total; /* floats by their bits: -0 before +0, NaN outside the infinities; else equal zeros, and
                      NaN, which such a comparison leaves open, after every number */
} ts_sort_key;

/* The keys that a comparator orders by, most significant first; -1 when it is no lexicographic order of
   comparisons of its arguments. Found by evaluating it for every outcome of its comparisons. */
int ts_sort_order(const ts_block *comparator, ts_sort_key keys[TS_SORT_KEYS]);

/* A comparator for `sort` that has its operands: by keys, of which key k is operand at[k]. */
ts_block *ts_sort_comparator(ts_module *module, ts_func *func, ts_op_node *sort, const ts_sort_key *keys,
                             const int *at, int count);

/* Operand that the key is, -1 when it is computed. */
int ts_sort_operand(const ts_block *comparator, const ts_sort_key *key);

/* Lowering: integers of the width of a key's dtype, its bits, unsigned where it is; whether anybody wants a
   result. */
ts_dtype ts_sort_bits(unsigned dtype);
bool ts_sort_is_read(const ts_value *value);
/* Searches the first elements of a sort by operand `key` alone, as many as its results have.
 *is_done false, and nothing emitted, where the whole sort costs less or the search is not exact. */
ts_status ts_lower_top(ts_lower *lower, ts_op_node *op, int axis, int key, bool is_ascending, bool *is_done);

#endif
