"""The ensemble: several networks, each trained on its own bootstrap sample, whose spread is the model's own doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from scipy.stats import t as student_t
from torch import Tensor

from tumorcast_core.errors import UnknownModel
from tumorcast_fusion.model.manifest import WEIGHTS, Manifest
from tumorcast_fusion.model.network import FusionNetwork
from tumorcast_fusion.model.outputs import INTERVAL_LEVEL

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EnsembleOutput:
    """Calibrated answers for n rows, each with lower and upper limit at ``INTERVAL_LEVEL``.

    ``response`` is (3, n): estimate, lower, upper. ``cumulative_hazard`` is (3, n, intervals) at the interval ends.
    """

    response: Array
    cumulative_hazard: Array


class Ensemble:
    """Bootstrap ensemble of fusion networks with its calibration."""

    def __init__(self, manifest: Manifest, members: Sequence[FusionNetwork]) -> None:
        self.manifest = manifest
        self.members = [member.eval() for member in members]

    @classmethod
    def load(cls, folder: Path, manifest: Manifest) -> Ensemble:
        """Read ``fusion.safetensors``; raises ``UnknownModel`` where it does not fit the manifest."""
        try:
            tensors = load_file(folder / WEIGHTS)
            members = []
            for i in range(manifest.members):
                network = FusionNetwork(manifest)
                prefix = f"{i}."
                network.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
                members.append(network)
        except (OSError, RuntimeError, SafetensorError) as e:
            raise UnknownModel("The model's weights are missing or do not fit its manifest.") from e
        return cls(manifest, members)

    def save(self, folder: Path) -> None:
        """Write ``fusion.safetensors``."""
        tensors = {f"{i}.{k}": v.contiguous() for i, m in enumerate(self.members) for k, v in m.state_dict().items()}
        (folder / WEIGHTS).write_bytes(save(tensors))

    @torch.no_grad()
    def raw(self, rows: NDArray[np.float32], present: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Uncalibrated response logits (members, n) and cumulative hazards (members, n, intervals)."""
        x, here = torch.from_numpy(rows), torch.from_numpy(present)
        logits, cumulative = [], []
        for member in self.members:
            logit, hazard_logit = member(x, here)
            logits.append(logit.double())
            cumulative.append(_cumulative_hazard(hazard_logit.double()))
        return torch.stack(logits).numpy(), torch.stack(cumulative).numpy()

    def predict(self, rows: NDArray[np.float32], present: NDArray[np.bool_]) -> EnsembleOutput:
        """Calibrated response and cumulative hazard with their intervals; rows (n, width), present (n, groups)."""
        logits, cumulative = self.raw(rows, present)
        calibration = self.manifest.response_calibration
        logits = calibration.intercept + calibration.slope * logits
        response = 1 / (1 + np.exp(-self._with_limits(logits)))
        log_hazard = np.log(np.maximum(cumulative * self.manifest.hazard_factor, 1e-12))
        return EnsembleOutput(response, np.exp(self._with_limits(log_hazard)))

    @staticmethod
    def _with_limits(values: Array) -> Array:
        """Mean over members and Student-t limits of one member's spread, stacked: (3, ...)."""
        mean, sd = values.mean(axis=0), values.std(axis=0, ddof=1)
        reach = student_t.ppf(0.5 + INTERVAL_LEVEL / 2, len(values) - 1) * sd
        return np.stack([mean, mean - reach, mean + reach])


def _cumulative_hazard(hazard_logits: Tensor) -> Tensor:
    """``-log S`` at the interval ends; ``S`` is the product of one minus the discrete hazards."""
    return torch.nn.functional.softplus(hazard_logits).cumsum(dim=1)
