"""How many replicas of imaging a day's studies need: a simulation of arrivals, reading, batches, queues and scaling.

What is simulated and how well it agrees with what was measured: ``charts/capacity.md``.
"""

from tumorcast_platform.capacity.autoscaling import Decider, Scaling
from tumorcast_platform.capacity.demand import DAY_S, FLAT, SHAPES, Demand
from tumorcast_platform.capacity.planning import Figure, Plan, Planner, Tried, figure
from tumorcast_platform.capacity.replicas import Batching
from tumorcast_platform.capacity.simulation import Layout, Outcome, simulate
from tumorcast_platform.capacity.times import Duration, Study, Times, load, shipped

__all__ = [
    "DAY_S",
    "FLAT",
    "SHAPES",
    "Batching",
    "Decider",
    "Demand",
    "Duration",
    "Figure",
    "Layout",
    "Outcome",
    "Plan",
    "Planner",
    "Scaling",
    "Study",
    "Times",
    "Tried",
    "figure",
    "load",
    "shipped",
    "simulate",
]
