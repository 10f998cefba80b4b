"""Launch grids: kernel[4, 2], with dimensions that are spread over NeuronCores."""


class nc(int):
    """nl.nc(2): a dimension of the grid that lies on so many NeuronCores."""

    def __mul__(self, other):
        return spmd_dim(self, other)

    def __rmul__(self, other):
        return spmd_dim(other, self)


class spmd_dim(int):
    """A dimension of the grid made of two."""

    def __new__(cls, outer, inner):
        return super().__new__(cls, int(outer) * int(inner))


def grid_of(key):
    return tuple(int(length) for length in (key if isinstance(key, tuple) else (key,)))
