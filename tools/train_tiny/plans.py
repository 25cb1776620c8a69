"""The training runs that led to the packaged weights, by name."""

from __future__ import annotations

from train import Plan

PLANS = {plan.name: plan for plan in (Plan(name="main", steps=5000),)}
