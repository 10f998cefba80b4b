"""Enumerations and constants of both dialects, with AWS's values."""

import enum

import numpy as np

from trainstone.nki import native


class engine(enum.IntEnum):
    unknown = 0
    tensor = 1
    scalar = 2
    gpsimd = 3
    dma = 4
    vector = 5
    sync = 6


ENGINE_CODES = {engine.unknown: 0, engine.tensor: native.TENSOR, engine.scalar: native.SCALAR,
                engine.gpsimd: native.GPSIMD, engine.dma: native.SYNC, engine.vector: native.VECTOR,
                engine.sync: native.SYNC}
tensor_engine, vector_engine, scalar_engine = engine.tensor, engine.vector, engine.scalar
gpsimd_engine, unknown_engine, sync_engine = engine.gpsimd, engine.unknown, engine.sync


class dma_engine(enum.IntEnum):
    dma = 1
    gpsimd_dma = 2


class dge_mode(enum.IntEnum):
    none = 0
    swdge = 1
    hwdge = 2
    unknown = 3


class oob_mode(enum.IntEnum):
    error = 0
    skip = 1


class reduce_cmd(enum.IntEnum):
    idle = 0
    reset = 1
    reduce = 2
    reset_reduce = 3
    load_reduce = 4


class nc_version(enum.IntEnum):
    gen2 = 2
    gen3 = 3
    gen4 = 4


class matmul_perf_mode(enum.Enum):
    none = "none"
    double_row = "double_row"
    double_column = "double_column"
    double_row_sw_interleave = "double_row_sw_interleave"


class _Fp32:
    min = float(np.finfo(np.float32).min)
    max = float(np.finfo(np.float32).max)


class _Bfp16:
    min = float(np.float32(-3.3895313892515355e38))


fp32, bfp16 = _Fp32(), _Bfp16()


class _TileSize:
    """nl.tile_size: the chip's limits, from docs/chip.md."""

    @staticmethod
    def _of(name):
        from trainstone.nki.run import chip_value

        return int(chip_value(name))

    pmax = property(lambda self: self._of("partitions"))
    psum_fmax = property(lambda self: self._of("psum_bank_bytes") // 4)
    psum_bank_fmax = psum_fmax
    psum_bank_fmax_bytes = property(lambda self: self._of("psum_bank_bytes"))
    gemm_stationary_fmax = property(lambda self: self._of("max_stationary_columns"))
    gemm_moving_fmax = property(lambda self: self._of("max_moving_columns"))
    bn_stats_fmax = property(lambda self: 512)
    psum_num_banks = property(lambda self: self._of("psum_partition_bytes") // self._of("psum_bank_bytes"))
    psum_min_align = property(lambda self: 4)
    sbuf_min_align = property(lambda self: 1)
    total_available_sbuf_size = property(
        lambda self: self._of("sbuf_partition_bytes") - self._of("sbuf_compiler_bytes"))
    sbuf_size_bytes = property(lambda self: self.pmax * self.sbuf_fmax_bytes)
    sbuf_fmax_bytes = total_available_sbuf_size
    sbuf_fmax = property(lambda self: self.sbuf_fmax_bytes // 4)
    sbuf_size_per_partition = property(lambda self: self._of("sbuf_partition_bytes"))


tile_size = _TileSize()


def get_nc_sub_version():
    """The sub-version of the chip: the first revision of each generation is modelled."""
    return 0


def get_nc_version():
    from trainstone.nki.run import chip_value

    return nc_version(int(chip_value("generation")))
