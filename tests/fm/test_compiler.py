"""FMs are loaded without torch's compiler, which is whole afterwards."""

import subprocess
import sys

PROGRAM = """
import sys
from imprint.fm import models
fm = models.load("package", "tf_efficientnet_lite0")
assert "timm" in sys.modules and "torchvision" in sys.modules
assert not [name for name in sys.modules if name.startswith("torch._dynamo")]

import torch
body, images = fm.body.eval(), torch.rand(2, 3, 64, 64)
with torch.inference_mode():
    plain, compiled = body(images), torch.compile(body, backend="eager")(images)
torch.testing.assert_close(compiled, plain)
from torch._dynamo.utils import counters
assert counters["frames"]["ok"] > 0, counters  # it was compiled

from torchvision.ops import roi_align
assert roi_align.__module__ and torch.compiler.disable(len)([1]) == 1
assert torch._dynamo.__file__ and torch._dynamo.utils.is_compile_supported("cpu")
"""


def test_an_fm_is_loaded_without_the_compiler_and_compiles_afterwards():
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=300)
