"""The judge of the models' losses, and the part of the page that its table replaces."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import marks  # noqa: E402
import torch_compare  # noqa: E402


def judged(got, want, tolerance=1e-4):
    return torch_compare.judged({"losses": got}, {"losses": want}, tolerance)


def test_losses_are_judged_by_the_worst_of_them():
    assert judged([2.0, 1.0], [2.0, 1.0]) == (0.0, True)
    off, agrees = judged([2.0, 1.001], [2.0, 1.0])
    assert off == pytest.approx(1e-3) and not agrees
    assert judged([2.0, 1.001], [2.0, 1.0], tolerance=1e-2)[1]


def test_a_loss_near_nothing_is_measured_by_the_first():
    assert judged([2.0, 1.1e-5], [2.0, 1.0e-5])[1]
    assert not judged([2.0, float("nan")], [2.0, 1.0e-5])[1]


def test_fewer_losses_are_an_error():
    with pytest.raises(ValueError):
        judged([2.0], [2.0, 1.0])


def measured(**more):
    return {"losses": [2.0], "cpu": [3.0, 2.0, 0.5, 0.4], "compilations": [1, 2, 2, 2]} | more


CHIP = {"predicted": 8.79e-3, "bottleneck": "dma_bytes"}


def test_a_row_tells_a_step_that_compiles_no_more():
    found = {"name": "m", "off": 2e-7, "agrees": True, "chip": measured(**CHIP), "host": measured(cpu=[9, 9, 0.2, 0.2])}
    assert torch_compare.row(found) == "| m | 2e-07 | 0.40 s | 2.0 | 8.79 ms | DMA bytes |"
    found["chip"]["compilations"] = [1, 2, 3, 4]
    assert "compiles anew" in torch_compare.row(found | {"host": {"error": "none"}})
    assert "**wrong** 3e-01" in torch_compare.row(found | {"off": 0.3, "agrees": False})


def test_a_row_tells_what_does_not_train():
    found = {"name": "m", "torch": measured(), "host": measured(), "chip": {"error": "Error: a | b"}}
    assert "does not train: Error: a   b" in torch_compare.row(found)


def test_only_the_part_between_the_marks_is_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{torch_compare.BEGIN}\nold\n{torch_compare.END}\nafter\n")
    marks.replace(page, torch_compare.BEGIN, "new", torch_compare.END)
    assert page.read_text() == f"before\n{torch_compare.BEGIN}\nnew\n{torch_compare.END}\nafter\n"
    page.write_text("no marks\n")
    with pytest.raises(SystemExit, match="needs the lines"):
        marks.replace(page, torch_compare.BEGIN, "new", torch_compare.END)
