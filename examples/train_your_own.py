"""Train a network of your own on the shards: a few layers that find the mask, with plain PyTorch.

fgbg-data build --bg bg/ --fg fg/ --out shards/
python examples/train_your_own.py shards/
"""

import sys
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from fgbg_data import open_dataset


def batches(shards: str, split: str, *, shuffle: bool) -> DataLoader[Any]:
    """Batches of image and mask, decoded at 64 px: batch["image"] is (B, 64, 64, 3) uint8."""
    dataset = open_dataset(shards, split, fields="image,mask", size=64)
    return DataLoader(dataset, batch_size=16, shuffle=shuffle)  # num_workers as you like


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

    def loss_of(batch: Any) -> torch.Tensor:
        images = batch["image"].permute(0, 3, 1, 2) / 255  # (B, 3, 64, 64) in [0, 1]
        masks = batch["mask"].unsqueeze(1) / 255  # (B, 1, 64, 64) in [0, 1]
        return nn.functional.binary_cross_entropy_with_logits(network(images), masks)

    for epoch in range(epochs):
        for batch in batches(shards, "train", shuffle=True):
            loss = loss_of(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch}: train loss {loss.item():.3f}")
    with torch.no_grad():
        losses = [loss_of(batch).item() for batch in batches(shards, "val", shuffle=False)]
    print(f"val loss {sum(losses) / len(losses):.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    main(sys.argv[1])
