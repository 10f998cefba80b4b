"""Multi-layer perceptrons train on Trainstone as on XLA:CPU."""

import harness
import models
import pytest


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", ["digits_mlp", "wide_mlp"])
def test_mlp(name, precision, record_property):
    harness.judge(name, precision, models.MODELS[name](models.COMPUTE[precision]), record_property)
