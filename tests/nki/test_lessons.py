"""The lessons of examples/nki run, and say in figures what their texts claim: each asserts its own."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LESSONS = sorted((ROOT / "examples/nki").glob("[0-9]*.py"))


def test_all_lessons_are_in_the_guide():
    text = (ROOT / "docs/nki.md").read_text()
    assert len(LESSONS) == 8
    assert all(f"`{lesson.name}`" in text for lesson in LESSONS)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_lesson(lesson, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "python")}
    done = subprocess.run([sys.executable, lesson, "--timeline", tmp_path], capture_output=True, text=True,
                          env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert " us   held by " in done.stdout
    assert all(path.read_text().startswith("trn 1\n") for path in tmp_path.glob("*.neff"))
    assert list(tmp_path.glob("*.neff"))
