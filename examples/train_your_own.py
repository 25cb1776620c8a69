"""Train a network of your own on the shards: a few layers that find the mask, with plain PyTorch.

fgbg-data build --bg bg/ --fg fg/ --out shards/
python examples/train_your_own.py shards/
"""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from fgbg_data import open_dataset


class Masks(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Image and mask as float tensors, decoded at 64 px."""

    def __init__(self, shards: str, split: str) -> None:
        self.samples = open_dataset(shards, split=split, fields=("image", "mask"), size=64)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        sample = self.samples[index]
        image = torch.from_numpy(sample.image).permute(2, 0, 1) / 255
        return image, torch.from_numpy(sample.mask)[None] / 255


def main(shards: str, epochs: int = 2) -> float:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 24, 5, padding=2),
        nn.ReLU(),
        nn.Conv2d(24, 24, 5, padding=4, dilation=2),
        nn.ReLU(),
        nn.Conv2d(24, 1, 5, padding=2),
    )
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    loss_of = nn.BCEWithLogitsLoss()
    for epoch in range(epochs):
        for images, masks in DataLoader(Masks(shards, "train"), batch_size=16, shuffle=True):
            loss = loss_of(network(images), masks)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch}: train loss {loss.item():.3f}")
    with torch.no_grad():
        losses = [loss_of(network(images), masks).item() for images, masks in DataLoader(Masks(shards, "val"))]
    print(f"val loss {sum(losses) / len(losses):.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    main(sys.argv[1])
