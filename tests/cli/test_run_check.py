"""trainstone run --check: what it says, in text and in JSON, and what it leaves as it is."""

import json

import numpy as np
from programs import ADD, trainstone

# y = sqrt(x - 1): NaN where x < 1
ROOT = """trn 1
program root chip=trn1
loc @1 "step.py":12:5 "sqrt"
tensor x: input 0 f32[4,8]
tensor y: output 0 f32[4,8]
sync.dma_copy queue=0 dst=sbuf.f32[p0:4 +0 8] src=hbm.f32[x +0 4@8 8]
vector.tensor_scalar dst=sbuf.f32[p0:4 +64 8] data=sbuf.f32[p0:4 +0 8] op0=subtract operand0=1
scalar.activation dst=sbuf.f32[p0:4 +128 8] func=sqrt data=sbuf.f32[p0:4 +64 8] scale=1 @1
sync.dma_copy queue=0 dst=hbm.f32[y +0 4@8 8] src=sbuf.f32[p0:4 +128 8]
"""


def run(folder, text, inputs, *arguments):
    (folder / "program.trn").write_text(text)
    names = []
    for i, array in enumerate(inputs):
        np.save(folder / f"{i}.npy", array)
        names.append(f"{i}.npy")
    return trainstone("run", "program.trn", "--input", *names, *arguments, cwd=folder)


def zeros():
    return np.zeros((4, 8), np.float32)


def test_find_nan_names_the_line(tmp_path):
    done = run(tmp_path, ROOT, [zeros()], "--find-nan", "--quiet")
    assert done.returncode == 0, done.stderr
    assert "check nan: activation (sqrt) at step.py:12 makes a NaN in byte 128 of partition 0 of SBUF\n" in done.stdout
    assert "  remedy: " in done.stdout


def test_json_has_findings_in_the_record(tmp_path):
    done = run(tmp_path, ROOT, [zeros()], "--check", "all", "--json")
    record = json.loads(done.stdout)
    assert record["predicted_seconds"] > 0
    (finding,) = record["findings"]
    assert (finding["kind"], finding["file"], finding["line"], finding["executions"]) == ("nan", "step.py", 12, 1)
    assert finding["instruction"].startswith("scalar.activation ")


def test_nothing_found_is_said(tmp_path):
    done = run(tmp_path, ADD, [zeros(), zeros()], "--check", "all")
    assert "checks found nothing\n" in done.stdout
    assert "check" not in run(tmp_path, ADD, [zeros(), zeros()]).stdout


def test_values_stay(tmp_path):
    x = np.linspace(-3, 3, 32, dtype=np.float32).reshape(4, 8)
    run(tmp_path, ROOT, [x], "--out", "plain")
    run(tmp_path, ROOT, [x], "--out", "checked", "--check", "all")
    plain, checked = (np.load(tmp_path / name / "output_0.npy") for name in ("plain", "checked"))
    assert plain.tobytes() == checked.tobytes()


def test_a_wrong_kind_is_refused(tmp_path):
    done = run(tmp_path, ADD, [zeros(), zeros()], "--check", "nan,everything")
    assert done.returncode != 0
    assert "\"everything\" is no check" in done.stderr and "unset, nan, overflow and rounding" in done.stderr
