"""ResNet-20 trains on Trainstone as on XLA:CPU."""

import harness
import models
import pytest


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_resnet20(precision, record_property):
    harness.judge_chaotic("resnet20", precision, models.resnet20(models.COMPUTE[precision]), record_property)
