"""Five hundred random programs with a fixed seed: no wrong answer, and no more refusals than stated.

fuzz_operations.py makes and judges them, and runs any number of others; docs/testing.md records long runs.
"""

import fuzz_more
import fuzz_operations
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
