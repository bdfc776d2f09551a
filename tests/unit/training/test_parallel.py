"""Work side by side gives what work in turn gives."""

from __future__ import annotations

import os

import pytest

from support.parallel_work import refused, squared, threads
from tumorcast_core.errors import InvalidInput
from tumorcast_training.parallel import ONE_THREAD, in_turn, processes


def test_results_come_in_the_order_of_the_items_and_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    with processes(2, lambda done, total: told.append((done, total))) as run:
        assert run(squared, range(5)) == in_turn(squared, range(5)) == [0, 1, 4, 9, 16]
        assert set(run(threads, [0, 1])) == {("1",) * len(ONE_THREAD)}
        with pytest.raises(InvalidInput, match="no"):
            run(refused, range(4))
    assert told[:5] == [(i, 5) for i in range(1, 6)]


def test_the_environment_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with processes(1):
        assert os.environ["OMP_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ
