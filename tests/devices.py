"""Devices of torch to test on: the processor, as torch names it, and a GPU where there is one."""

import pytest
import torch

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
DEVICES = ["cpu:0", pytest.param("cuda", marks=GPU)]
