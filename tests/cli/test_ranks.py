"""Programs of several NeuronCores on the command line: whose files are which, and what is refused."""

import json
import os

import numpy as np
import pytest
from programs import trainstone

SUM = """trn 1
program sum chip=trn1 ranks=%d scratch_bytes=128
tensor x: input 0 f32[4,8]
tensor y: output 0 f32[4,8]
tensor r: output 1 i32[1]
tensor g: constant i32[1,%d] = {%s}
sync.collective kind=all_reduce dst=hbm.f32[y +0 32] src=hbm.f32[x +0 32] op=add groups=hbm.i32[g +0 %d]
gpsimd.gpsimd_rank dst=sbuf.i32[p0:1 +64 1]
sync.dma_copy queue=0 dst=hbm.i32[r +0 1] src=sbuf.i32[p0:1 +64 1]
"""


def program(ranks):
    return SUM % (ranks, ranks, " ".join(map(str, range(ranks))), ranks)


@pytest.fixture
def folder(tmp_path):
    for ranks in (2, 8):
        (tmp_path / f"sum{ranks}.trn").write_text(program(ranks))
    for i in range(8):
        np.save(tmp_path / f"x{i}.npy", np.full((4, 8), 2.0**i, np.float32))
    return tmp_path


def run(folder, *arguments, code=0):
    done = trainstone("run", *arguments, cwd=folder)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def results(folder, rank):
    return np.load(folder / f"out/rank_{rank}/output_0.npy"), np.load(folder / f"out/rank_{rank}/output_1.npy")


def test_all_ranks_get_the_same_file_or_each_its_own(folder):
    text = run(folder, "sum2.trn", "--input", "x3.npy", "--out", "out")
    assert text.startswith("out/rank_0..1/output_0.npy  f32 4x8\nout/rank_0..1/output_1.npy  i32 1\n")
    assert sorted(os.listdir(folder / "out")) == ["rank_0", "rank_1"]
    for rank in range(2):
        total, number = results(folder, rank)
        assert (total == 16).all() and number == [rank]
    run(folder, "sum2.trn", "--input", "x0.npy", "x3.npy", "--out", "out", "--threads", "1")
    for rank in range(2):
        assert (results(folder, rank)[0] == 9).all()


def test_a_larger_instance_has_more_cores(folder):
    files = [f"x{i}.npy" for i in range(8)]
    refused = run(folder, "sum8.trn", "--input", *files, "--out", "out", code=1)
    assert "sum runs on 8 NeuronCores; 2 of trn1.2xlarge are to be had" in refused
    assert "--instance trn1.32xlarge or trn1n.32xlarge" in refused
    run(folder, "sum8.trn", "--instance", "trn1.32xlarge", "--input", *files, "--out", "out", "--quiet")
    for rank in range(8):
        total, number = results(folder, rank)
        assert (total == 255).all() and number == [rank]


def test_files_are_for_all_ranks_or_for_none(folder):
    refused = run(folder, "sum2.trn", "--input", "x0.npy", "x1.npy", "x2.npy", code=1)
    assert "takes 1 input, 3 given" in refused and "a set for each of the 2 ranks" in refused


def test_steps_are_for_one_core(folder):
    refused = run(folder, "sum2.trn", "--steps", "2", code=1)
    assert refused.startswith("trainstone: unsupported: --steps") and "2 NeuronCores" in refused


def test_checks_tell_of_each_rank(folder):
    np.save(folder / "nan.npy", np.full((4, 8), np.nan, np.float32))
    found = json.loads(run(folder, "sum2.trn", "--input", "x0.npy", "nan.npy", "--check", "nan", "--json"))
    assert len(found["findings_of_ranks"]) == 2
    text = run(folder, "sum2.trn", "--input", "x0.npy", "nan.npy", "--check", "nan")
    assert "rank 0\ncheck nan: collective makes a NaN in element 0 of result y; or it came from another rank\n" in text
    assert "rank 1\ncheck nan: program sum: there is a NaN in element 0 of argument x\n" in text


def test_time_is_that_of_one_core(folder):
    done = trainstone("time", "sum2.trn", cwd=folder)
    assert done.returncode == 0 and "one step" in done.stdout


COUNTDOWN = """trn 1
program countdown chip=trn1 ranks=2 scratch_bytes=64
loc @1 "step.py":12:1 "while"
tensor n: input 0 i32[1]
tensor left: output 0 i32[1]
tensor count: scratch i32[1] address=0
sync.dma_copy queue=0 dst=hbm.i32[count +0] src=hbm.i32[n +0]
loop %w = 2147483647
  leave loop=%w value=hbm.i32[count +0] compare=is_le operand=2
  sync.dma_copy queue=0 dst=sbuf.i32[p0:1 +0 1] src=hbm.i32[count +0] @1
  vector.tensor_scalar dst=sbuf.i32[p0:1 +0 1] data=sbuf.i32[p0:1 +0 1] op0=subtract operand0=1 @1
  sync.dma_copy queue=0 dst=hbm.i32[count +0] src=sbuf.i32[p0:1 +0 1] @1
end %w
sync.dma_copy queue=0 dst=hbm.i32[left +0] src=hbm.i32[count +0]
"""


def test_ranks_that_data_leads_apart_are_told(folder):
    (folder / "countdown.trn").write_text(COUNTDOWN)
    for trips in (5, 9):
        np.save(folder / f"n{trips}.npy", np.array([trips], np.int32))
    apart = run(folder, "countdown.trn", "--input", "n5.npy", "n9.npy").splitlines()[-1]
    assert apart.startswith("Imbalance: rank 1 takes ")
    assert " more than rank 0; most of it is step.py:12, DMA latency" in apart
    assert "Imbalance" not in run(folder, "countdown.trn", "--input", "n9.npy")
