"""A small GPT trains on Trainstone as on XLA:CPU."""

import harness
import models
import pytest


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_gpt(precision, record_property):
    harness.judge("gpt", precision, models.gpt(models.COMPUTE[precision]), record_property)
