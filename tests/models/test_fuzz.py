"""Five hundred random programs with a fixed seed: no wrong answer, and no more refusals than stated.

fuzz_operations.py makes and judges them, and runs any number of others; docs/testing.md records long runs.
"""

import fuzz_more
import fuzz_operations
import fuzz_values
import numpy as np
import pytest

PROGRAMS, CHUNK, OPS = 500, 50, 5
MAX_REFUSED = 0.01  # of all programs


@pytest.fixture(scope="module")
def tally():
    return fuzz_operations.Tally()


@pytest.mark.parametrize("first", range(0, PROGRAMS, CHUNK))
def test_random_programs(tally, first):
    wrong = []
    for seed in range(first, first + CHUNK):
        found = tally.run(seed, OPS)
        if found:
            wrong.append(f"seed {seed}:\n  " + "\n  ".join(found))
    assert not wrong, "\n".join(wrong)


def test_refusals_and_coverage(tally):
    """Runs last: what the programs above came to."""
    total = tally.done + tally.refused.total()
    assert total == PROGRAMS or pytest.skip("runs after all programs")
    assert tally.refused.total() <= MAX_REFUSED * total, tally.refused
    assert min(tally.values["NumPy"], 10 * tally.values["XLA:CPU"]) > 3 * total


@pytest.mark.parametrize("name", [*fuzz_operations.MAKERS, *fuzz_more.MAKERS])
def test_every_family_runs(name):
    """Each maker's operation among rearrangements; a program of it is not refused."""
    tally = fuzz_operations.Tally()
    for seed in (1000, 1001):
        wrong = tally.run(seed, 3, [name], 2, name in fuzz_more.MAKERS)
        assert not wrong, f"seed {seed}:\n" + "\n".join(wrong)
    assert tally.done == 2, tally.refused


@pytest.mark.parametrize("got,total,magnitude,is_wrong", [
    (-np.inf, -49836, 190433, False),  # -120134 on the way
    (np.inf, -49836, 190433, False),  # 70298 on the way
    (np.inf, -49836, 150000, True),  # the positive terms come to 50082
    (-np.inf, -49836, 60000, True),
    (-49856, -49836, 190433, False),
], ids=["below", "above", "wrong_side", "in_range", "finite"])
def test_partial_sums_may_overflow(got, total, magnitude, is_wrong):
    """The judge of sums that are rounded to fp16 after each addition; of one that is rounded once, no Inf is right."""
    wide = np.array([total], np.float64), np.array([magnitude], np.float64)
    assert fuzz_values.sum_of(3, 3)(np.array([got], np.float16), wide, [], None)[0] == is_wrong
    assert fuzz_values.sum_of(3)(np.array([got], np.float16), wide, [], None)[0] == np.isinf(got)


def test_scatter_add_overflows_on_the_way():
    """A program in which fp16 holds sums, but not all that comes before their last term."""
    tally = fuzz_operations.Tally()
    wrong = tally.run(771102, 10, has_more=True)
    assert not wrong, "\n".join(wrong)
