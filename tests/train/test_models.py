"""The networks and the cascade: sizes, parameter counts, and which network learns from what."""

import copy

import pytest
import torch
from torch import nn

from fgbg_train.config import ModelConfig
from fgbg_train.errors import ConfigError
from fgbg_train.models.build import build_cascade, build_network
from fgbg_train.models.cascade import Cascade
from fgbg_train.models.drn import DRNClassifier
from fgbg_train.network_names import split_name


def num_parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_networks_have_the_published_numbers_of_parameters() -> None:
    with torch.device("meta"):
        assert num_parameters(build_network("hu2019:resnet50")) == 67_569_473
        assert num_parameters(build_network("autoed")) == 25_259_761
        assert num_parameters(DRNClassifier()) == 16_393_752


@pytest.mark.parametrize("name", ["light", "hu2019:resnet18", "hu2019:efficientnet_lite0", "autoed"])
@pytest.mark.parametrize("size", [(38, 38), (64, 48), (33, 57)])
def test_output_has_the_size_of_the_input(name: str, size: tuple[int, int]) -> None:
    with torch.device("meta"):
        network = build_network(name, in_channels=4).eval()
        assert network(torch.empty(2, 4, *size)).shape == (2, 1, *size)


def test_gradient_reaches_every_parameter() -> None:
    torch.manual_seed(0)
    network = build_network("light")
    network(torch.rand(2, 3, 32, 32)).square().mean().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hu2018", "network 'hu2018': there is no family 'hu2018'; did you mean 'hu2019'?"),
        ("zebra", "network 'zebra': there is no family 'zebra'; expected one of hu2019, light, autoed"),
        ("autoed:resnet50", "network 'autoed:resnet50': autoed has its own encoder; write 'autoed'"),
        ("light:", "network 'light:': an encoder is missing after the colon"),
    ],
)
def test_a_wrong_name_says_what_would_be_right(name: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        split_name(name)
    assert str(caught.value) == message


def test_an_unknown_encoder_names_near_ones() -> None:
    with pytest.raises(ConfigError, match="'resnet5' is no encoder of timm; did you mean"):
        build_network("hu2019:resnet5")


def test_an_encoder_with_other_strides_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"has features at strides .*; expected \[2, 4, 8, 16, 32\] at the end"):
        build_network("light:convnext_atto")  # has nothing at stride 2


class Constant(nn.Module):
    """Remembers its input and answers with a learned constant."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))
        self.norm = nn.BatchNorm2d(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen = x
        return self.value * x.mean(dim=1, keepdim=True).add(1)


def test_product_hides_what_the_mask_leaves_out() -> None:
    mask_net, depth_net = Constant(-100.0), Constant(1.0)
    mask_net.forward = lambda x: torch.full_like(x[:, :1], -100.0)  # type: ignore[method-assign]
    Cascade(mask_net, depth_net, "product")(torch.rand(2, 3, 4, 4))
    assert depth_net.seen.abs().max() < 1e-6


def test_concat_gives_the_mask_as_fourth_channel() -> None:
    mask_net, depth_net = Constant(1.0), Constant(1.0)
    logits = Cascade(mask_net, depth_net, "concat")(torch.rand(2, 3, 4, 4)).mask_logits
    assert depth_net.seen.shape == (2, 4, 4, 4)
    assert torch.equal(depth_net.seen[:, 3:], torch.sigmoid(logits))


def test_depth_teaches_the_mask_network_only_for_saliency() -> None:
    mask_net, depth_net = Constant(1.0), Constant(1.0)
    Cascade(mask_net, depth_net, "product")(torch.rand(2, 3, 4, 4)).depth.sum().backward()
    assert mask_net.value.grad is None
    assert depth_net.value.grad is not None

    mask_net, depth_net = Constant(1.0), Constant(1.0)
    cascade = Cascade(mask_net, depth_net, "product", saliency=True).train()
    prediction = cascade(torch.rand(2, 3, 4, 4))
    prediction.depth.sum().backward()
    assert mask_net.value.grad is not None
    assert depth_net.value.grad is None
    assert not prediction.reference.requires_grad
    assert not depth_net.training


def test_frozen_batch_norm_stays_in_evaluation_mode() -> None:
    cascade = Cascade(Constant(1.0), None, "concat", freeze_norm=True).train()
    assert cascade.training
    assert not any(m.training for m in cascade.modules() if isinstance(m, nn.BatchNorm2d))


@pytest.mark.parametrize("which", ["mask", "depth", "both"])
def test_a_frozen_encoder_learns_nothing_and_the_rest_does(which: str) -> None:
    cascade = build_cascade(ModelConfig(start="tiny", freeze_encoder=which)).train()
    before = copy.deepcopy(cascade.state_dict())
    optimizer = torch.optim.SGD([p for p in cascade.parameters() if p.requires_grad], lr=0.1)
    prediction = cascade(torch.rand(2, 3, 64, 64))
    (prediction.mask_logits.mean() + prediction.depth.mean()).backward()
    optimizer.step()
    for role in ("mask", "depth"):
        names = [n for n in before if n.startswith(f"{role}_net.encoder.")]
        changed = any(not torch.equal(before[n], cascade.state_dict()[n]) for n in names)
        assert changed == (which not in (role, "both"))
        entrance = f"{role}_net.decoder.enter.0.weight"
        assert not torch.equal(before[entrance], cascade.get_parameter(entrance))


def test_the_mask_reaches_a_light_network_beside_its_encoder() -> None:
    network = build_network("light", in_channels=4).eval()
    picture = torch.rand(1, 4, 38, 50)
    without = torch.cat([picture[:, :3], torch.zeros(1, 1, 38, 50)], dim=1)
    assert not torch.equal(network(picture), network(without))
    assert network.get_parameter("encoder.conv_stem.weight").shape[1] == 3


@pytest.mark.parametrize("networks", ["both", "mask", "depth"])
def test_cascade_has_the_networks_asked_for(networks: str) -> None:
    with torch.device("meta"):
        cascade = build_cascade(ModelConfig(networks=networks), initial=False).eval()
        prediction = cascade(torch.empty(1, 3, 32, 32))
    assert (prediction.mask_logits is not None) == (networks != "depth")
    assert (prediction.depth is not None) == (networks != "mask")
