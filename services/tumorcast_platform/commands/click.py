"""What ``train`` does for the network behind ``tumorcast imaging segment``."""

from __future__ import annotations

from pathlib import Path

from tumorcast_platform import console
from tumorcast_platform.render import Line

CLICK = "click"


def train_click(data: Path, out: Path, seed: int, workers: int, *, as_json: bool) -> None:
    """Evaluate by five folds and train on all sarcoma patients; six trainings of some six minutes on a free core."""
    from tumorcast_training.parallel import processes, use_one_thread

    use_one_thread()
    from tumorcast_training.segmentation.train import train

    with console.status("Training", as_json=as_json) as say, processes(workers) as run:
        folder = train(data, out / "segmenters" / CLICK, seed=seed, run=run, told=say)
    lines = [Line(f"{CLICK}: in {folder}; use it with tumorcast imaging segment --model {folder}")]
    console.answer({"model": str(folder)}, lines, as_json=as_json)
