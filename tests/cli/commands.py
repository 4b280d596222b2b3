"""What tests of commands share: names, weights of a small FM, and embeddings with labels."""

import numpy as np

NAMES = ("one", "two", "zero")
FM = "--fm test_resnet --checkpoint net.safetensors --device cpu"


def write_weights(folder):
    """Random weights of the FM."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=5)
    save_file(model.state_dict(), folder / "net.safetensors")


def write_arrays(workdir, name, **replaced):
    """Three classes of embeddings around a direction of their own each."""
    rng = np.random.default_rng(0)
    y = np.arange(30) % 3
    x = (rng.normal(size=(30, 4)) + 4 * np.eye(3, 4)[y]).astype(np.float32)
    np.savez(workdir / name, **{"embeddings": x, "labels": y, **replaced})


def printed_command(output):
    """The command at the end of a comparison, without `imprint`."""
    return output.splitlines()[-1].strip().removeprefix("imprint ")
