"""Training's work on a Ray cluster of this machine: folds as tasks, patients' folders by Ray Data."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.tabular import BLUEPRINT
from tumorcast_core.errors import InvalidInput, ServiceUnavailable
from tumorcast_training.cohorts import own
from tumorcast_training.parallel import in_turn, ray_cluster
from tumorcast_training.simulator import simulate
from tumorcast_training.tables import Schema

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # Ray Data's own, as it is imported
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def test_a_ray_cluster_gives_what_this_process_gives(tmp_path: Path) -> None:
    simulate(4, 5, tmp_path, workers=1)
    rows = (tmp_path / "outcomes.csv").read_text().splitlines()
    header = rows[0].split(",")
    patient, day, response = (header.index(name) for name in ("patient", "index_date", "response"))
    cells = [row.split(",") for row in rows[1:]]
    lines = [f"{c[patient]},{c[day]},{float(c[response]):g}" for c in cells]
    (tmp_path / "outcomes.csv").write_text("\n".join(["patient_id,index_date,objective_response", *lines]) + "\n")
    schema = Schema.of_blueprint(BLUEPRINT)
    here = own.read(tmp_path, schema)

    def refused(item: int) -> int:
        if item == 1:
            raise InvalidInput("refused there")
        return item

    with ray_cluster("local") as cluster:
        there = own.read(tmp_path, schema, run=cluster.rows)
        assert there.cohort.inputs.equals(here.cohort.inputs)
        assert there.cohort.notes == here.cohort.notes
        assert cluster.tasks(abs, [-3, 2, -1]) == in_turn(abs, [-3, 2, -1])
        with pytest.raises(InvalidInput, match="refused there"):
            cluster.tasks(refused, [0, 1])


def test_no_cluster_at_an_address_is_a_clear_error() -> None:
    with pytest.raises(ServiceUnavailable, match="Ray"), ray_cluster("127.0.0.1:1"):
        pass
