"""Launch grids: kernel[4, 2], with dimensions that may be spread over NeuronCores."""

import itertools


class nc(int):
    """nl.nc(2): a dimension of the grid spread over 2 NeuronCores."""

    def core_of(self, index):
        return index

    def __mul__(self, other):
        return spmd_dim(self, other)

    def __rmul__(self, other):
        return spmd_dim(other, self)


class spmd_dim(int):
    """A dimension of the grid made of two, one of which may be spread over NeuronCores."""

    def __new__(cls, outer, inner):
        made = super().__new__(cls, int(outer) * int(inner))
        made.outer, made.inner = outer, inner
        return made

    def core_of(self, index):
        return core_of(self.outer, index // int(self.inner)) or core_of(self.inner, index % int(self.inner))


def core_of(length, index):
    """The NeuronCore of one index of a dimension."""
    return length.core_of(index) if hasattr(length, "core_of") else 0


def grid_of(key):
    return tuple(key) if isinstance(key, tuple) else (key,)


def lengths_of(grid):
    return tuple(map(int, grid))


def programs_by_core(grid, is_split):
    """The programs of each NeuronCore. is_split: a one-dimensional grid without nl.nc is spread over cores as well."""
    if is_split and len(grid) == 1 and not hasattr(grid[0], "core_of"):
        grid = (nc(grid[0]),)
    cores = {}
    for program in itertools.product(*map(range, lengths_of(grid))):
        core = max((core_of(length, i) for length, i in zip(grid, program)), default=0)
        cores.setdefault(core, []).append(program)
    return [cores[core] for core in sorted(cores)]
