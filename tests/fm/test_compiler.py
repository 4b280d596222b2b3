"""FMs are loaded without torch's compiler, which is whole afterwards."""

import subprocess
import sys

PROGRAM = """
import sys
from imprint.fm import models
models.load("package", "tf_efficientnet_lite0")
assert "timm" in sys.modules and "torchvision" in sys.modules
assert not [name for name in sys.modules if name.startswith("torch._dynamo")]
import torch
from torchvision.ops import roi_align
assert roi_align.__module__ and torch.compiler.disable(len)([1]) == 1
import torch._dynamo.utils
assert torch._dynamo.__file__ and torch._dynamo.utils.is_compile_supported("cpu") in (True, False)
"""


def test_an_fm_is_loaded_without_the_compiler():
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=300)
