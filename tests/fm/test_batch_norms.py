"""Facts of batch norms that are folded into convolutions: the output stays, or the model does."""

import copy

import pytest
import timm
import torch
from torch import nn

from imprint.fm.batch_norms import fold_batch_norms


def trained(model):
    """The model in eval mode, with statistics and weights of batch norms that are not the initial ones."""
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 2, generator=generator)
            for tensor in (module.bias.data, module.running_mean):
                tensor.normal_(0, 0.5, generator=generator)
    return model.eval().requires_grad_(False)


def images():
    return torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    "name", ["resnet18", "tf_efficientnet_lite0", "mobilenetv3_small_050", "densenet121"]
)
def test_embeddings_change_by_rounding_only(name):
    model = trained(timm.create_model(name, num_classes=0))
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    before = model(images())
    fold_batch_norms(model, images()[:2])
    left = sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    assert left < 2 / 3 * norms  # of a densenet, whose norms stand before convolutions, the fewest
    torch.testing.assert_close(model(images()), before, rtol=1e-3, atol=1e-3 * before.abs().max())


class Block(nn.Module):
    """A convolution and a batch norm, with something between them or beside them."""

    def __init__(self, what):
        super().__init__()
        self.what = what
        self.convolution = nn.Conv2d(3, 8, 3, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.other = nn.BatchNorm2d(8)

    def forward(self, x):
        x = self.convolution(x)
        if self.what == "changed in place":
            x.relu_()
        y = self.norm(x)
        if self.what == "used twice":
            y = y + x
        if self.what == "two norms":
            y = y + self.other(x)
        if self.what == "norm twice":
            y = self.norm(y)
        return y.flatten(2).mean(dim=2)


@pytest.mark.parametrize("what", ["changed in place", "used twice", "two norms", "norm twice"])
def test_a_model_in_which_folding_is_wrong_stays_as_it_is(what):
    model = trained(Block(what))
    untouched = copy.deepcopy(model)
    fold_batch_norms(model, images())
    assert model.state_dict().keys() == untouched.state_dict().keys()
    torch.testing.assert_close(model(images()), untouched(images()), rtol=0, atol=0)
