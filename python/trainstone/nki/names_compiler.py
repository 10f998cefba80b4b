"""The module that kernels import as neuronxcc.nki.compiler: direct allocation, and hints that have no effect here."""

import contextlib

from trainstone.nki.native import PSUM, SBUF
from trainstone.nki.run import chip_value
from trainstone.nki.tile import SPACES, Space


def _modulo(base, sizes, index, scale):
    """base + scale * (row-major position of the index, each taken modulo its size)."""
    sizes = tuple(sizes) or (1,) * len(index)
    position = 0
    for i, length in zip(index[len(index) - len(sizes):], sizes):
        position = position * length + i % length
    return base + position * scale


class _Sbuf(Space):
    """ncc.sbuf, which is also nl.sbuf."""

    def __init__(self):
        super().__init__("sbuf", SBUF)

    def alloc(self, func):
        """func(idx, pdim_size, fdim_size) -> (start partition, byte offset)"""
        def place(index, parts, size):
            return func(idx=index, pdim_size=parts, fdim_size=size)

        return Space("sbuf", SBUF, place)

    def mod_alloc(self, *, base_addr, base_partition=0, num_par_tiles=(), num_free_tiles=()):
        def place(idx, pdim_size, fdim_size):
            return (_modulo(base_partition, num_par_tiles, idx, pdim_size),
                    _modulo(base_addr, num_free_tiles, idx, fdim_size))

        return self.alloc(place)

    def auto_alloc(self):
        return SPACES["sbuf"]


class _Psum(Space):
    """ncc.psum, which is also nl.psum."""

    def __init__(self):
        super().__init__("psum", PSUM)

    def alloc(self, func):
        """func(idx, pdim_size, fdim_size) -> (bank, start partition, byte offset in the bank)"""
        def place(index, parts, size):
            bank, part, offset = func(idx=index, pdim_size=parts, fdim_size=size)
            return part, int(bank) * int(chip_value("psum_bank_bytes")) + int(offset)

        return Space("psum", PSUM, place)

    def mod_alloc(self, *, base_bank, base_addr=0, base_partition=0, num_bank_tiles=(), num_par_tiles=(),
                  num_free_tiles=()):
        def place(idx, pdim_size, fdim_size):
            return (_modulo(base_bank, num_bank_tiles, idx, 1), _modulo(base_partition, num_par_tiles, idx, pdim_size),
                    _modulo(base_addr, num_free_tiles, idx, fdim_size))

        return self.alloc(place)

    def auto_alloc(self):
        return SPACES["psum"]


sbuf, psum = _Sbuf(), _Psum()


def _hint(function=None, **_):
    return (lambda f: f) if function is None else function


skip_middle_end_transformations = force_auto_alloc = enable_stack_allocator = _hint


@contextlib.contextmanager
def no_reorder():
    yield


@contextlib.contextmanager
def allocation_scope():
    yield


@contextlib.contextmanager
def multi_buffer(factor=2):
    yield


