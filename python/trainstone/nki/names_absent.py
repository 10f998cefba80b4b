"""Documented names of NKI that are not modelled: kernels may mention them; calling one raises an error with the
reason."""

from trainstone.nki import errors

FOR_V4 = "needs NeuronCore-v4, which is not modelled"


def _absent(call, why, remedy=""):
    def refuse(*args, **options):
        raise errors.kernel_error(errors.NkiUnsupportedError, f"{call} {why}", remedy, op=call)

    refuse.__name__ = refuse.__qualname__ = call
    return refuse


def of_isa():
    return {call: _absent(call, why, remedy) for call, why, remedy in (
        ("nc_matmul_mx", FOR_V4, "use nisa.nc_matmul on values in bf16"),
        ("quantize_mx", FOR_V4, "scale with nisa.tensor_scalar and copy to an fp8 tile"),
        ("activate2", FOR_V4, "use nisa.tensor_scalar, then nisa.activation"),
        ("rand2", FOR_V4, "use nl.rand"),
        ("exponential", FOR_V4, "use nisa.activation with nl.exp"),
        ("topk", "is not modelled", "use nisa.max8, nisa.nc_find_index8 and nisa.nc_match_replace8"),
        ("rand_set_state", "is not modelled: GpSimdE's XORWOW generator", "use nisa.set_rng_seed"),
        ("rand_get_state", "is not modelled: GpSimdE's XORWOW generator", "use nisa.set_rng_seed"))}


def of_isa_beta1():
    return {"builtin_custom_op": _absent("builtin_custom_op", "is not modelled: it runs compiled code of the caller's",
                                         "write it with nki.isa")}


def of_language():
    return {call: _absent(call, why, remedy) for call, why, remedy in (
        ("all_reduce", "over SPMD programs is not modelled",
         "store partial results, and reduce them in another kernel"),
        ("gemm_grid", "is not modelled", "use nl.mgrid"),
        ("gemm_stationary_grid", "is not modelled", "use nl.mgrid"))}
