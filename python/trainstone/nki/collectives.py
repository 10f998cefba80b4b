"""The module that kernels import as nki.collectives, or as nccl in the first dialect.

A call becomes one instruction, or one for each pair of a source and a destination. The instruction moves contiguous
runs of HBM; an operand that lies in SBUF or is not contiguous is copied to HBM first, or back afterwards
(rank_transfers.py). In a kernel of one rank every group has one member, which receives what it sends.
"""

from trainstone.nki import errors, rank_transfers, rank_values
from trainstone.nki.native import HBM, SBUF
from trainstone.nki.rank_transfers import check
from trainstone.nki.run import current

MOST_CHANNELS = 4


class ReplicaGroup:
    """Lists of ranks that take part in a collective together."""

    def __init__(self, groups):
        self.groups = [list(group) for group in groups]

    def __repr__(self):
        return f"ReplicaGroup({self.groups})"

    def __eq__(self, other):
        return isinstance(other, ReplicaGroup) and self.groups == other.groups

    __hash__ = None


# ---- arguments ----

def _ignored(call, options, known=()):
    for name in options:
        if name not in ("priority", "name", "dtype", *known):
            raise errors.kernel_error(errors.NkiTypeError,
                                      f"{call}() got an unexpected keyword argument {name!r}", op=call)


def _rows(call, group, is_even=True):
    """The groups as tuples, after checking that the kernel's ranks have them. is_even: all must have the same size."""
    rows = tuple(tuple(int(rank) for rank in row)
                 for row in getattr(group, "groups", group if group is not None else ()))
    check(call, len(rows) > 0 and all(rows), f"replica_group {group!r} has no ranks",
          "give ReplicaGroup([[0, 1, ...]])")
    _check_ranks(call, [rank for row in rows for rank in row], f"replica_group {[list(row) for row in rows]}")
    check(call, not is_even or len({len(row) for row in rows}) == 1,
          f"replica_group {[list(row) for row in rows]} has groups "
          "of several sizes", "give groups of one size: tensors have one shape on all ranks")
    return rows


def _check_ranks(call, named, what):
    ranks = current().ranks
    wrong = next((rank for rank in named if not 0 <= rank < ranks), None)
    if wrong is not None:
        raise errors.kernel_error(
            errors.NkiValidationError, f"{what} names rank {wrong}, and the kernel runs on "
            f"{'one rank' if ranks == 1 else f'{ranks} ranks'}",
            f"run it on {max(named) + 1}: call it in jax.shard_map over as many devices, or with "
            "trainstone.nki.launch.on_ranks", op=call)
    check(call, len(set(named)) == len(named), f"{what} names a rank twice", "groups must not overlap")


def _tensors(call, operand, value, count=None):
    """Views of a list of tensors, or of a single one."""
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    check(call, count is None or len(values) == count, f"{operand} has {len(values)} tensors, and {call} takes "
          f"{'one' if count == 1 else count}", "call it once for each")
    check(call, all(hasattr(item, "view_of") for item in values) and values,
          f"{operand} is {value!r}, no list of tensors", "give tensors in HBM or SBUF")
    return [item.view_of() for item in values]


def _pairs(call, srcs, dsts, takes_sbuf=True, count=None):
    """(src, dst) views that a collective can reach, each pair with one dtype."""
    sources, targets = _tensors(call, "srcs", srcs, count), _tensors(call, "dsts", dsts, count)
    check(call, len(sources) == len(targets), f"{len(sources)} srcs and {len(targets)} dsts", "give a dst for each src")
    views = sources + targets
    for view in views:
        allowed = (HBM, SBUF) if takes_sbuf else (HBM,)
        check(call, view._space in allowed,
              f"{view!r}: {call} takes tensors in {'HBM or SBUF' if takes_sbuf else 'HBM'}",
              "copy it with nisa.tensor_copy" if takes_sbuf else "copy it with nisa.dma_copy into a tensor "
              "of nl.ndarray(..., buffer=nl.shared_hbm)", "err_unsupported_memory")
    check(call, len({view._space for view in views}) == 1,
          f"{sources[0]!r} and {targets[0]!r}: a collective's tensors lie "
          "all in HBM or all in SBUF", "copy one of them with nisa.dma_copy")
    check(call, len(sources) == 1 or views[0]._space == HBM,
          f"{len(sources)} tensors in SBUF: several at once are taken in "
          "HBM only", "call it once for each")
    current().moved += [(current().where(), view.tensor) for view in views if view._space == HBM]
    for src, dst in zip(sources, targets):
        check(call, src.dtype == dst.dtype, f"{src!r} and {dst!r}: a collective does not cast",
              "convert before or after it")
    return list(zip(sources, targets))


def _check_shapes(call, pairs):
    for src, dst in pairs:
        check(call, src.shape == dst.shape, f"src {src!r} and dst {dst!r} differ in shape", "give them one shape")


def _dim(call, dim, view, most=0):
    """Checks the number of a dimension that is cut or joined. AWS's limit does not apply in the first dialect."""
    dim = int(dim)
    limit = view.ndim - 1 if current().dialect == "beta1" else most
    check(call, 0 <= dim <= limit, f"collective_dim={dim}: {call} takes "
                                   f"{'0' if limit == 0 else f'0 to {limit}'} of tensors in "
          f"{view.buffer.name}", "permute the tensor, so that what is cut or joined comes first")
    return dim


_OPS = ("add", "max", "min")


def _op(call, op):
    from trainstone.nki.instructions import alu_name

    name = alu_name(op)
    check(call, name in _OPS, f"op={name} is none that {call} joins with", "use nl.add, nl.maximum or nl.minimum")
    return name


def _groups_of(replica_group, replica_groups):
    return replica_groups if replica_group is None else replica_group


# ---- calls ----

def all_reduce(srcs=None, dsts=None, replica_group=None, op="add", *, replica_groups=None, **options):
    call = "all_reduce"
    _ignored(call, options)
    rows, name = _rows(call, _groups_of(replica_group, replica_groups), is_even=False), _op(call, op)
    pairs = _pairs(call, srcs, dsts)
    _check_shapes(call, pairs)
    rank_transfers.collect_all("all_reduce", *zip(*pairs), rows, name)


def all_gather(srcs=None, dsts=None, replica_group=None, collective_dim=0, *, replica_groups=None, all_gather_dim=None,
               **options):
    call = "all_gather"
    _ignored(call, options, ("op",))
    rows = _rows(call, _groups_of(replica_group, replica_groups))
    for src, dst in _pairs(call, srcs, dsts):
        dim = _dim(call, collective_dim if all_gather_dim is None else all_gather_dim, src,
                   1 if src._space == SBUF else 0)
        rank_transfers.check_shapes(call, src, dst, dim, len(rows[0]))
        rank_transfers.gather(src, dst, rows, dim)


def reduce_scatter(srcs=None, dsts=None, replica_group=None, collective_dim=0, op="add", *, replica_groups=None,
                   reduce_scatter_dim=None, **options):
    call = "reduce_scatter"
    _ignored(call, options)
    rows, name = _rows(call, _groups_of(replica_group, replica_groups)), _op(call, op)
    for src, dst in _pairs(call, srcs, dsts):
        dim = _dim(call, collective_dim if reduce_scatter_dim is None else reduce_scatter_dim, src)
        rank_transfers.check_shapes(call, dst, src, dim, len(rows[0]))
        rank_transfers.scatter(src, dst, rows, dim, name)


def all_to_all(srcs=None, dsts=None, replica_group=None, collective_dim=0, *, replica_groups=None, **options):
    call = "all_to_all"
    _ignored(call, options, ("op",))
    rows = _rows(call, _groups_of(replica_group, replica_groups))
    for src, dst in _pairs(call, srcs, dsts, takes_sbuf=False):
        _dim(call, collective_dim, src)
        _check_shapes(call, [(src, dst)])
        check(call, src.shape[0] % len(rows[0]) == 0,
              f"dimension 0 of {src!r} does not divide into {len(rows[0])} parts",
              "pad it to a multiple of the group's size")
        rank_transfers.collect("all_to_all", src, dst, rows)


def collective_permute(srcs=None, dsts=None, source_target_pairs=None, *, src=None, dst=None, src_tgt_pairs=None,
                       **options):
    """Ranks that are nobody's target receive zeros."""
    call = "collective_permute"
    _ignored(call, options)
    pairs = tuple((int(source), int(target)) for source, target in source_target_pairs or src_tgt_pairs or ())
    for side, what in ((0, "sources"), (1, "targets")):
        _check_ranks(call, [pair[side] for pair in pairs], f"source_target_pairs {list(pairs)}, among its {what},")
    check(call, pairs, "source_target_pairs is empty", "give a pair (source, target) at least")
    (source, target), = _pairs(call, src if srcs is None else srcs, dst if dsts is None else dsts,
                               takes_sbuf=False, count=1)
    _check_shapes(call, [(source, target)])
    rank_transfers.collect("permute", source, target, pairs)


def rank_id(name=None):
    return rank_values.own()


# ---- rings ----

def _channels(call, lists, channel_ids):
    """What each channel moves: for each operand, a list of lists of one tensor."""
    ids = [int(number) for number in channel_ids]
    check(call, ids == list(range(len(ids))) and 0 < len(ids) <= MOST_CHANNELS,
          f"channel_ids={ids}: they count from 0, and "
          f"there are at most {MOST_CHANNELS}", "give [0], [0, 1] and so on")
    check(call, all(len(given) == len(ids) for given in lists),
          f"{[len(given) for given in lists]} lists of tensors for "
          f"{len(ids)} channels", "give a list of one tensor for each channel")
    return zip(*lists)


def _ring(rows):
    return tuple((row[i], row[(i + 1) % len(row)]) for row in rows for i in range(len(row)))


def collective_permute_implicit(srcs_by_channel=None, dsts_by_channel=None, replica_group=None, channel_ids=(0,),
                                **options):
    """Each rank of a group sends to the next rank of its list, the last to the first."""
    call = "collective_permute_implicit"
    _ignored(call, options, ("num_channels",))
    pairs = _ring(_rows(call, replica_group, is_even=False))
    moved = [move for srcs, dsts in _channels(call, (srcs_by_channel, dsts_by_channel), channel_ids)
             for move in _pairs(call, srcs, dsts, count=1)]
    _check_shapes(call, moved)
    rank_transfers.collect_all("permute", *zip(*moved), pairs)


def collective_permute_implicit_reduce(srcs0_by_channel=None, srcs1_by_channel=None, dsts_by_channel=None,
                                       replica_group=None, op="add", channel_ids=(0,), **options):
    """The same, sending op(src0, src1)."""
    call = "collective_permute_implicit_reduce"
    _ignored(call, options, ("num_channels",))
    pairs, name = _ring(_rows(call, replica_group, is_even=False)), _op(call, op)
    moved = []
    for srcs0, srcs1, dsts in _channels(call, (srcs0_by_channel, srcs1_by_channel, dsts_by_channel), channel_ids):
        both = _pairs(call, srcs0, dsts, count=1) + _pairs(call, srcs1, dsts, count=1)
        _check_shapes(call, both)
        moved.append((rank_transfers.joined(both[0][0], both[1][0], name), both[0][1]))
    rank_transfers.collect_all("permute", *zip(*moved), pairs)


def collective_permute_implicit_current_processing_rank_id(iteration_id=0, replica_group=None, channel_id=0, name=None,
                                                           num_channels=None):
    """All channels go around the ring in the same way."""
    call = "collective_permute_implicit_current_processing_rank_id"
    check(call, 0 <= int(channel_id) < MOST_CHANNELS, f"channel_id={channel_id}: at most {MOST_CHANNELS} channels",
          "count them from 0")
    return rank_values.in_ring(_rows(call, replica_group, is_even=False), iteration_id)


def _refused(call, why):
    def collective(*args, **_):
        raise errors.kernel_error(errors.NkiUnsupportedError, f"{call} is not modelled: {why}",
                                  "use all_gather or all_to_all of tensors as large as the longest", op=call)

    collective.__name__ = collective.__qualname__ = call
    return collective


all_gather_v = _refused("all_gather_v", "AWS has it for two physical cores to a rank (LNC=2) only")
all_to_all_v = _refused("all_to_all_v", "AWS has it between instances, and on Trainium3's switch, only")
