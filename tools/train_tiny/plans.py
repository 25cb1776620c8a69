"""The training runs that led to the packaged weights, by name."""

from __future__ import annotations

from train import Plan

PLANS = {
    plan.name: plan
    for plan in (
        Plan(name="main", steps=3400, sizes=((0.0, 160), (0.65, 192), (0.9, 224)), paste_frac=0.35, raycast_frac=0.12),
    )
}
