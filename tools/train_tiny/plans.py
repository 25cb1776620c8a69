"""The training runs that led to the packaged weights, by name."""

from __future__ import annotations

from samples import Mix
from train import Plan

PLANS = {
    plan.name: plan
    for plan in (
        Plan(name="main", steps=5000),
        Plan(
            name="second",
            init="runs/main/last.pt",
            steps=1200,
            batch=32,
            sizes=((0.0, 192), (0.6, 224)),
            encoder_lr=1.5e-4,
            decoder_lr=8e-4,
            warmup=40,
            keep_every=100,
            mix=Mix(raycast=0.08, pairs=0.14, labels=0.46, pasted=0.6),
            outline_weight=2.0,
        ),
    )
}
