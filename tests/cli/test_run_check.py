"""trainstone run --check: what it says, in text and in JSON, and what it leaves as it is."""

import json
import re

import numpy as np
import programs
import pytest
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
    assert "checks found nothing; races: the clock derives the waits, so there are none\n" in done.stdout
    assert "checks found nothing\n" in run(tmp_path, ADD, [zeros(), zeros()], "--check", "unset,nan").stdout
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
    assert "\"everything\" is no check" in done.stderr and "unset, nan, overflow, rounding and races" in done.stderr


LESSON = (programs.ROOT / "examples/double_buffer.trn").read_text()
WAITS = re.findall(r"wait=S.*?(?= |\n)", LESSON)


def run_lesson(folder, text, *arguments):
    x = np.linspace(0, 9, 1024 * 512, dtype=np.float32).reshape(1024, 512)
    return x, run(folder, text, [x], "--check", "all", *arguments)


def test_the_lesson_has_no_race(tmp_path):
    x, done = run_lesson(tmp_path, LESSON, "--out", "y")
    assert "checks found nothing\n" in done.stdout
    assert np.allclose(np.load(tmp_path / "y/output_0.npy"), 2 * np.sqrt(x), rtol=1e-6)


@pytest.mark.parametrize("wait", WAITS)
def test_each_wait_of_the_lesson_is_needed(tmp_path, wait):
    assert len(WAITS) == 6
    text = LESSON.replace(wait, "", 1).replace(".event_semaphore \n", ".event_semaphore wait=S[9]>=0\n")
    _, done = run_lesson(tmp_path, text)
    assert done.stdout.count("check races: ") >= 1, done.stdout
    semaphore, value = re.match(r"wait=(S\[\d\])>=(.*)", wait).groups()
    assert f"wait={semaphore}>=" in done.stdout.split("remedy: ", 1)[1].split("\n")[0]


def test_json_has_both_lines_of_a_race(tmp_path):
    text = LESSON.replace("tensor x:", 'loc @1 "lesson.py":3:1 "load"\nloc @2 "lesson.py":7:1 "root"\ntensor x:') \
        .replace(" wait=S[0]>=16+16*%i", "").replace("signal=S[0]+=16", "signal=S[0]+=16 @1") \
        .replace("signal=S[1]+=1", "signal=S[1]+=1 @2")
    findings = json.loads(run_lesson(tmp_path, text, "--json")[1].stdout)["findings"]
    race = next(f for f in findings if f["line"] == 7 and f["earlier_line"] == 3)
    assert (race["kind"], race["file"]) == ("races", "lesson.py")
    assert (race["engine"], race["earlier_engine"]) == ("scalar", "sync")
    assert (race["access"], race["earlier_access"], race["trips"]) == ("read", "write", "%0=0")
    assert race["where"] == "bytes 0 to 2047 of partitions 0 to 127 of SBUF"
    assert race["remedy"] == "add wait=S[0]>=16 to it at %0=0"
