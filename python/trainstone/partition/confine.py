"""Which dimensions of an operation may stay divided when the operation is made local.

The following passes make collectives for reductions, products, gathers and sums that scatter. Other dimensions along
which elements depend on other partitions are made whole, and an operation without a rule here gets everything whole,
which is right if slow; the passes would compute it from one partition's data only.
"""

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from trainstone.partition import shardings

WHOLE = frozenset()  # no dimension stays divided
ALL = None

# Each element depends on those at the same position only, or the passes know what else it needs.
PLACEWISE = frozenset(f"stablehlo.{name}" for name in """
    abs add and atan2 broadcast_in_dim cbrt ceil clamp compare complex constant convert cosine count_leading_zeros
    divide dot_general exponential exponential_minus_one floor imag iota is_finite log log_plus_one logistic maximum
    minimum multiply negate not optimization_barrier or popcnt power real reduce_precision remainder round_nearest_afz
    round_nearest_even rsqrt select shift_left shift_right_arithmetic shift_right_logical sign sine sqrt subtract tan
    tanh transpose xor all_reduce collective_permute collective_broadcast partition_id case if return""".split())

# Reductions that partitions can complete together, and the required initial value (None: any, since it may be counted
# several times).
NEUTRAL = {"stablehlo.add": 0, "stablehlo.multiply": 1, "stablehlo.xor": 0, "stablehlo.maximum": None,
           "stablehlo.minimum": None, "stablehlo.and": None, "stablehlo.or": None}


def confine(module):
    """Reshards operands and removes axes from results, in program order."""
    table = shardings.Shardings(module)
    for op in shardings.operations(shardings.main(module).regions[0].blocks[0]):
        if op.name in ("stablehlo.while", "stablehlo.case", "stablehlo.if"):
            _control(table, op)
        elif op.name == "sdy.reshard":
            found = table.confined(table.of(op.results[0]), shardings.shape(op.results[0]), ALL)
            op.attributes["sharding"] = table.attribute(found, len(shardings.shape(op.results[0])))
        elif op.name == "stablehlo.reshape":
            _reshape(table, op)
        elif op.name == "stablehlo.dot_general":
            _product(table, op)
        elif op.name == "chlo.top_k":
            _top_k(table, op)
        elif not op.name.startswith("sdy.") and (op.results or op.name == "stablehlo.custom_call"):
            _apply(table, op, *_rule(op))


def _apply(table, op, ins, outs):
    if len({sharding[0] for sharding in map(table.of, (*op.results, *op.operands)) if sharding}) > 1:
        ins, outs = _whole(op)  # the passes handle one mesh per operation
    for i, operand in enumerate(op.operands):
        dims = shardings.shape(operand)
        if dims is not None and table.of(operand):
            table.reshard(op, i, table.confined(table.of(operand), dims, ins[i]))
    if "sdy.sharding" in op.attributes:
        table.set_results(op, [table.confined(table.of(result), shardings.shape(result) or [], outs[i])
                               for i, result in enumerate(op.results)])


def _control(table, op):
    """Values that loops carry and branches return. Within a manual computation they are whole."""
    inside = shardings.is_in_manual(op)
    if "sdy.sharding" in op.attributes:
        table.set_results(op, [table.confined(table.of(result), shardings.shape(result) or [], WHOLE if inside else ALL)
                               for result in op.results])
    found = [table.of(result) for result in op.results]
    if op.name == "stablehlo.while":
        for i, sharding in enumerate(found):
            table.reshard(op, i, sharding)
    else:
        table.reshard(op, 0, None)
    for region in list(op.regions)[-1:] if op.name == "stablehlo.while" else op.regions:
        last = list(region.blocks[0].operations)[-1].operation
        for i, sharding in enumerate(found):
            table.reshard(last, i, sharding)


def _reshape(table, op):
    """Dimensions that are split or joined may be divided at their outermost part only, equally on both sides."""
    operand, result = op.operands[0], op.results[0]
    before, after = table.of(operand), table.of(result)
    if not before and not after:
        return
    mesh = (before or after)[0]
    ins, outs = shardings.shape(operand), shardings.shape(result)
    old = before[1] if before else [[]] * len(ins)
    new = after[1] if after and after[0] == mesh else [[]] * len(outs)
    rows_in, rows_out = [[] for _ in ins], [[] for _ in outs]
    for left, right in _groups(ins, outs):
        i = next((d for d in left if ins[d] > 1), None)
        k = next((d for d in right if outs[d] > 1), None)
        if i is None or k is None:
            continue
        row = list(old[i] or new[k])
        while row and (ins[i] % table.count(mesh, row) or outs[k] % table.count(mesh, row)):
            row.pop()
        rows_in[i], rows_out[k] = row, row
    used = [axis for row in rows_out for axis in row]
    if len(used) != len(set(map(str, used))):
        rows_in, rows_out = [[] for _ in ins], [[] for _ in outs]
    table.reshard(op, 0, table.plain(mesh, rows_in))
    table.set_results(op, [table.plain(mesh, rows_out)])


def _product(table, op):
    """When both operands are divided equally along the contracted dimension, each partition sums its part, and the
    result is divided afterwards: gradients of weights that are divided like the batch then cost a reduce_scatter
    instead of a gathered batch."""
    _apply(table, op, *_rule(op))
    left, right, result = table.of(op.operands[0]), table.of(op.operands[1]), table.of(op.results[0])
    if not left or not right or not result:
        return
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    pairs = zip(numbers.lhs_contracting_dimensions, numbers.rhs_contracting_dimensions, strict=True)
    summed = [axis for i, k in pairs if left[1][i] == right[1][k] for axis in left[1][i]]
    rows = [row[:next((i for i, axis in enumerate(row) if axis in summed), len(row))] for row in result[1]]
    table.set_results(op, [table.plain(result[0], rows)])


def _top_k(table, op):
    """Propagation stops at this operation, so its sharding is derived here."""
    dims = shardings.shape(op.operands[0])
    found = table.confined(table.of(op.operands[0]), dims, frozenset(range(len(dims) - 1)))
    table.reshard(op, 0, found)
    table.set_results(op, [found, found])


def _groups(ins, outs):
    """Runs of dimensions of both sides that hold the same elements."""
    i = k = 0
    while i < len(ins) or k < len(outs):
        left, right, a, b = [], [], 1, 1
        while True:
            if (a <= b and i < len(ins) and (a != b or not left)) or k == len(outs):
                if i == len(ins):
                    break
                a *= ins[i]
                left.append(i)
                i += 1
            else:
                b *= outs[k]
                right.append(k)
                k += 1
            if a == b and left and right:
                break
        yield left, right


# ---- rules: the open dimensions of each operand and result ----


def _rule(op):
    if op.name in PLACEWISE:
        return [ALL] * len(op.operands), [ALL] * len(op.results)
    rule = _RULES.get(op.name)
    if rule:
        return rule(op)
    return _whole(op)


def _whole(op):
    return [WHOLE] * len(op.operands), [WHOLE] * len(op.results)


def _dims(value):
    return shardings.shape(value) or []


def _numbers(op, name, default=()):
    """An attribute that is a list of numbers."""
    if name not in op.attributes:
        return list(default)
    found = op.attributes[name]
    if isinstance(found, ir.DenseElementsAttr):
        return [int(x) for x in ir.DenseIntElementsAttr(found)]
    return list(found)


def kind_of_reduction(op):
    """The name of the single operation that a reduction's body applies to its two arguments; None for anything else."""
    body = [one.operation for one in op.regions[0].blocks[0].operations]
    return body[0].name if len(body) == 2 and len(body[0].operands) == 2 else None


def _starts_neutral(op, neutral):
    if neutral is None:
        return True
    start = op.operands[1].maybe_downcast()
    if not isinstance(start, ir.OpResult) or start.owner.operation.name not in ("sdy.constant", "stablehlo.constant"):
        return False
    value = ir.DenseElementsAttr(start.owner.operation.attributes["value"]).get_splat_value()
    return float(value.value) == neutral


def _reduce(op):
    kind = kind_of_reduction(op)
    if len(op.operands) == 2 and kind in NEUTRAL and _starts_neutral(op, NEUTRAL[kind]):
        return [ALL, ALL], [ALL]
    count = len(op.results)
    kept = frozenset(range(len(_dims(op.operands[0])))) - set(_numbers(op, "dimensions"))
    return [kept] * count + [WHOLE] * count, [ALL] * count


def _slice(op):
    before, after = _dims(op.operands[0]), _dims(op.results[0])
    kept = frozenset(i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a == b)
    return [kept] + [WHOLE] * (len(op.operands) - 1), [kept]


def _dynamic_update(op):
    before, part = _dims(op.operands[0]), _dims(op.operands[1])
    kept = frozenset(i for i, (a, b) in enumerate(zip(before, part, strict=True)) if a == b)
    return [kept, kept] + [WHOLE] * (len(op.operands) - 2), [kept]


def _pad(op):
    numbers = zip(*(_numbers(op, name) for name in
                    ("edge_padding_low", "edge_padding_high", "interior_padding")), strict=True)
    kept = frozenset(i for i, row in enumerate(numbers) if not any(row))
    return [kept, WHOLE], [kept]


def _all_but(op, closed):
    kept = frozenset(range(max((len(_dims(value)) for value in (*op.operands, *op.results)), default=0))) - set(closed)
    return [kept] * len(op.operands), [kept] * len(op.results)


def _integer(op, name):
    return ir.IntegerAttr(op.attributes[name]).value


def _concatenate(op):
    return _all_but(op, [_integer(op, "dimension")])


def _window(op):
    """Dimensions along which windows have one element."""
    rank = len(_dims(op.operands[0]))
    ones = [1] * rank
    size, stride = _numbers(op, "window_dimensions", ones), _numbers(op, "window_strides", ones)
    base, window = _numbers(op, "base_dilations", ones), _numbers(op, "window_dilations", ones)
    pads = _numbers(op, "padding", [0] * (2 * rank))
    kept = frozenset(i for i in range(rank) if size[i] == stride[i] == base[i] == window[i] == 1
                     and not pads[2 * i] and not pads[2 * i + 1])
    return [kept if _dims(value) else WHOLE for value in op.operands], [kept] * len(op.results)


def _convolution(op):
    numbers = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    grouped = [_integer(op, f"{name}_group_count") > 1 for name in ("feature", "batch")]
    image = {numbers.input_batch_dimension, numbers.input_feature_dimension}
    kernel = {numbers.kernel_input_feature_dimension, numbers.kernel_output_feature_dimension}
    out = {numbers.output_batch_dimension, numbers.output_feature_dimension}
    if any(grouped):
        image.discard(numbers.input_feature_dimension)
        out.discard(numbers.output_feature_dimension)
        kernel = set()
    if grouped[1]:
        image.discard(numbers.input_batch_dimension)
    return [frozenset(image), frozenset(kernel)], [frozenset(out)]


def _gather(op):
    """Dimensions that are taken whole. (For indices into a divided dimension the passes of jaxlib 0.10.2 read bounds
    from memory that is not theirs.)"""
    numbers = stablehlo.GatherDimensionNumbers(op.attributes["dimension_numbers"])
    sizes = _numbers(op, "slice_sizes")
    taken = _dims(op.operands[0])
    kept = frozenset(i for i, size in enumerate(taken) if size == sizes[i] or i in numbers.operand_batching_dims)
    indices = frozenset(range(len(_dims(op.operands[1])))) - {numbers.index_vector_dim}
    return [kept, indices], [ALL]


def _scatter(op):
    numbers = stablehlo.ScatterDimensionNumbers(op.attributes["scatter_dimension_numbers"])
    if len(op.operands) != 3:
        return _whole(op)
    target, updates = _dims(op.operands[0]), _dims(op.operands[2])
    hidden = {*numbers.inserted_window_dims, *numbers.input_batching_dims}
    windows = [i for i in range(len(target)) if i not in hidden]
    whole = {i: k for i, k in zip(windows, numbers.update_window_dims, strict=True)
             if target[i] == updates[k] and i not in numbers.scattered_dims_to_operand_dims}
    if kind_of_reduction(op) == "stablehlo.add":
        indices = frozenset(range(len(_dims(op.operands[1])))) - {numbers.index_vector_dim}
        kept = frozenset(whole) | set(numbers.input_batching_dims)
        partial = set(numbers.update_window_dims) - set(whole.values())
        return [kept, indices, frozenset(range(len(updates))) - partial], [kept]
    kept = frozenset(whole)
    return [kept, WHOLE, frozenset(whole.values())], [kept]


def _bitcast(op):
    same = len(_dims(op.operands[0])) == len(_dims(op.results[0]))
    rank = min(len(_dims(op.operands[0])), len(_dims(op.results[0])))
    return ([ALL], [ALL]) if same else ([frozenset(range(rank))], [frozenset(range(rank))])


def _matrices(op):
    return _all_but(op, [len(_dims(op.results[0])) - 2, len(_dims(op.results[0])) - 1])


_RULES = {
    "stablehlo.reduce": _reduce,
    "stablehlo.slice": _slice,
    "stablehlo.dynamic_slice": _slice,
    "stablehlo.dynamic_update_slice": _dynamic_update,
    "stablehlo.pad": _pad,
    "stablehlo.concatenate": _concatenate,
    "stablehlo.reverse": lambda op: _all_but(op, _numbers(op, "dimensions")),
    "stablehlo.sort": _concatenate,
    "stablehlo.reduce_window": _window,
    "stablehlo.select_and_scatter": _window,
    "stablehlo.convolution": _convolution,
    "stablehlo.gather": _gather,
    "stablehlo.scatter": _scatter,
    "stablehlo.bitcast_convert": _bitcast,
    "stablehlo.cholesky": _matrices,
    "stablehlo.triangular_solve": _matrices,
    "stablehlo.all_gather": lambda op: _all_but(op, [_integer(op, "all_gather_dim")]),
    "stablehlo.reduce_scatter": lambda op: _all_but(op, [_integer(op, "scatter_dimension")]),
    "stablehlo.all_to_all": lambda op: _all_but(op, [_integer(op, "split_dimension"),
                                                     _integer(op, "concat_dimension")]),
}
