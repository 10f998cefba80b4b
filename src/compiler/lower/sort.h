/* Sorts, shared by several files: the order that a comparator defines, and what lowering makes of it. */
#ifndef TS_COMPILER_LOWER_SORT_H
#define TS_COMPILER_LOWER_SORT_H

#include "compiler/lower/lower.h"

/* Most keys of a sort. */
enum { TS_SORT_KEYS = 8 };

/* One key of a lexicographic order: a value that the comparator computes from its left arguments. The same
   ops on the right arguments give the other side. */
typedef struct ts_sort_key {
    const ts_value *value;
    bool is_descending;
    /* Floats compare by their bits: -0 before +0, NaN outside the infinities. Otherwise zeros are equal,
       and NaN, for which such a comparison defines no order, sorts after every number. */
    bool is_total;
} ts_sort_key;

/* Finds the comparator's keys, most significant first, and returns their number; -1 when it is not a
   lexicographic order by comparisons of its arguments. The comparator is evaluated for every outcome of its
   comparisons. */
int ts_sort_order(const ts_block *comparator, ts_sort_key keys[TS_SORT_KEYS]);

/* Makes a comparator for `sort` by keys; key k compares the sort's operand at[k]. */
ts_block *ts_sort_comparator(ts_module *module, ts_func *func, ts_op_node *sort, const ts_sort_key *keys,
                             const int *at, int count);

/* The index of the operand that is the key; -1 when the key is computed. */
int ts_sort_operand(const ts_block *comparator, const ts_sort_key *key);

/* ts_sort_bits: the integer type with the width of a key's dtype, for its bits; unsigned if the dtype is.
   ts_sort_is_read: whether a sort's result has readers. */
ts_dtype ts_sort_bits(unsigned dtype);
bool ts_sort_is_read(const ts_value *value);
/* Searches the first elements of a sort by operand `key`, as many as its results have. *is_done is false,
   with nothing emitted, when the whole sort costs less or the search would not be exact. */
ts_status ts_lower_top(ts_lower *lower, ts_op_node *op, int axis, int key, bool is_ascending, bool *is_done);

#endif
