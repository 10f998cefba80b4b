"""The examples that take minutes: see test_examples_train.py."""

import pytest
from test_examples_train import STATED, run


@pytest.mark.parametrize("name", ["digits_resnet.py", "gpt_text.py"])
def test_the_chip_trains_as_the_cpu_does(name):
    chip, cpu = run(name, "neuron,cpu"), run(name, "cpu")
    assert chip == pytest.approx(cpu, abs=1.5 if "accuracy" in STATED[name][0] else 0.05)
