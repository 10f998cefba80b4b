"""Random programs over the operations that run, on odd shapes, judged value by value.

    python tests/models/fuzz_operations.py [--seed N] [--programs N] [--ops N] [--only NAME,...]
        [--xla-every N] [--more]

A program is a graph of lax operations. The chip runs it twice: once with every value as a result, so that each
operation is judged on the operands that the chip itself computed, and once with the last values alone, so that
operations fuse; both must give the same bits. Data movement, integers, comparisons and correctly rounded floats
must be exact; functions lie within 3 ULP of float64; sums within the bound of an fp32 sum from the float64 one
(fuzz_values.py). The judges are NumPy and XLA:CPU: the latter judges what NumPy does not have, always, and every
value of every Nth program, so that neither judge is trusted alone. A refusal is no failure, and is counted.
"""

import argparse
import collections
import os
import re
import sys
import time

os.environ.setdefault("JAX_PLATFORMS", "neuron,cpu")
# The judge runs each program once: its compiler's time counts, its code's does not.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")

import fuzz_arrays
import fuzz_control
import fuzz_more
import fuzz_pointwise
import fuzz_program
import fuzz_sums
import jax

MAKERS = {**fuzz_pointwise.MAKERS, **fuzz_arrays.MAKERS, **fuzz_sums.MAKERS, **fuzz_control.MAKERS}
WEIGHTS = {"binary": 3.0, "unary": 1.0, "function": 1.0, "compare": 0.7, "not": 0.3, "reshape": 1.5, "transpose": 1.5,
           "iota": 0.5, "round": 0.4, "barrier": 0.4, "random": 0.07, "reduce_precision": 0.4, "bitcast": 0.5,
           "top_k": 0.4, "sort": 0.6, "loop": 0.6, "scan": 0.5, "branch": 0.5, "call": 0.4, "cumulative": 0.6}
GLUE = ("transpose", "reshape", "broadcast", "slice", "reverse", "binary", "convert")


def make_program(seed, ops, only=None, xla_every=10, has_more=False):
    """`has_more`: also of the makers of fuzz_more.py, with three times their weight."""
    makers = {**MAKERS, **fuzz_more.MAKERS} if has_more else MAKERS
    weights = {name: WEIGHTS.get(name, 1.0) * (3 if name in fuzz_more.MAKERS else 1) for name in makers}
    if only:
        weights = {name: weights[name] if name in only else 0.15 for name in makers if name in only or name in GLUE}
    return fuzz_program.Program(seed, ops, {name: makers[name] for name in weights}, weights, seed % xla_every == 0)


def refusal_of(error):
    """Why the compiler refuses, without places and numbers, or None where it is another error."""
    text = str(error).splitlines()[0]
    if "unsupported:" not in text and "not supported" not in text and "capacity:" not in text:
        return None
    return re.sub(r"\d+", "N", text.split(" at ")[0] + ": " + text.split(": ", 3)[-1].split(" (")[0])


class Tally:
    """What a run of many programs found."""

    def __init__(self):
        self.done, self.values, self.failed, self.refused = 0, collections.Counter(), [], collections.Counter()

    def run(self, seed, ops, only=None, xla_every=10, has_more=False):
        """Runs one program; what is wrong with it."""
        program = make_program(seed, ops, only, xla_every, has_more)
        try:
            wrong = program.run()
        except jax.errors.JaxRuntimeError as error:
            reason = refusal_of(error)
            if reason:
                self.refused[reason] += 1
                return []
            wrong = [str(error)] + [program.describe(i) for i in range(len(program.values))]
        self.done += 1
        self.values["NumPy"] += sum(len(n.results) for n in program.nodes if n.want)
        self.values["XLA:CPU"] += sum(len(n.results) for n in program.nodes if program.is_for_xla(n))
        if wrong:
            self.failed.append(seed)
        return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="of the first program")
    parser.add_argument("--programs", type=int, default=100)
    parser.add_argument("--ops", type=int, default=8, help="operations a program")
    parser.add_argument("--only", type=lambda text: text.split(","),
                        help=f"of {', '.join([*MAKERS, *fuzz_more.MAKERS])}")
    parser.add_argument("--xla-every", type=int, default=10, help="of how many programs XLA:CPU judges all of one")
    parser.add_argument("--more", action="store_true", help="8-bit floats, and sums and products in narrow types")
    arguments = parser.parse_args()
    tally, start = Tally(), time.monotonic()
    for seed in range(arguments.seed, arguments.seed + arguments.programs):
        wrong = tally.run(seed, arguments.ops, arguments.only, arguments.xla_every, arguments.more)
        if wrong:
            print(f"seed {seed} (--ops {arguments.ops}): wrong\n  " + "\n  ".join(wrong), flush=True)
    for text, count in tally.refused.most_common():
        print(f"refused {count} times: {text}")
    print(f"{tally.done} programs from seed {arguments.seed}, {len(tally.failed)} wrong, {tally.refused.total()} "
          f"refused; values judged by NumPy {tally.values['NumPy']}, by XLA:CPU {tally.values['XLA:CPU']}; "
          f"{time.monotonic() - start:.0f} s")
    return len(tally.failed) > 0


if __name__ == "__main__":
    sys.exit(main())
