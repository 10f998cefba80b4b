"""The module that kernels import as nki.collectives, and as nccl in the first dialect.

A kernel runs on one rank, so a group of one is all that runs: what its only member sends is what it gets, copied by
DMA. Larger groups are refused by name.
"""

from trainstone.nki import errors
from trainstone.nki import instructions as isa
from trainstone.nki.control import Register
from trainstone.nki.run import current


class ReplicaGroup:
    """Lists of ranks that take part together."""

    def __init__(self, groups):
        self.groups = [list(group) for group in groups]


def _unsupported(call, ranks):
    return errors.NkiUnsupportedError(
        f"{call} over {ranks} ranks: kernels run on one NeuronCore", current().where(),
        "use a group of one rank, or jax.jit with its collectives over a mesh of devices", call)


def _ranks_of(group):
    groups = getattr(group, "groups", group)
    return max((len(ranks) for ranks in groups), default=1)


def _copy(call, srcs, dsts, ranks):
    if ranks != 1:
        raise _unsupported(call, ranks)
    srcs, dsts = ([value] if not isinstance(value, (list, tuple)) else value for value in (srcs, dsts))
    for src, dst in zip(srcs, dsts, strict=True):
        isa.dma_copy(dst.view_of(), src.view_of())


def _grouped(call):
    def collective(srcs=None, dsts=None, replica_group=None, *, replica_groups=None, **_):
        _copy(call, srcs, dsts, _ranks_of(replica_groups if replica_group is None else replica_group))

    collective.__name__ = collective.__qualname__ = call
    return collective


all_reduce, all_gather, reduce_scatter, all_to_all = map(_grouped, ("all_reduce", "all_gather", "reduce_scatter",
                                                                    "all_to_all"))


def collective_permute(srcs=None, dsts=None, source_target_pairs=None, *, src=None, dst=None, src_tgt_pairs=None, **_):
    pairs = source_target_pairs or src_tgt_pairs or ()
    _copy("collective_permute", src if srcs is None else srcs, dst if dsts is None else dsts,
          len({rank for pair in pairs for rank in pair}) or 1)


def rank_id(name=None):
    return Register(0)


def _refused(call):
    def collective(*args, replica_group=None, **_):
        raise _unsupported(call, "several" if replica_group is None else _ranks_of(replica_group))

    collective.__name__ = collective.__qualname__ = call
    return collective


(all_gather_v, all_to_all_v, collective_permute_implicit, collective_permute_implicit_reduce,
 collective_permute_implicit_current_processing_rank_id) = map(
     _refused, ("all_gather_v", "all_to_all_v", "collective_permute_implicit", "collective_permute_implicit_reduce",
                "collective_permute_implicit_current_processing_rank_id"))
