"""What a Dockerfile makes, built in a folder and started as a pod would: another user, a read-only root, only /tmp.

Three of five: about 45 s with pip's cache warm. `make images` does all of them, with both variants of imaging, which
takes minutes and gigabytes.
"""

from __future__ import annotations

import pytest

from support.build_image import Image, build, foreign_files, importable
from support.helm import SERVICES
from support.start_image import DRAIN_S, can_confine, start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
STARTED = ("notes", "clinical", "gateway")


@pytest.fixture(scope="module", params=STARTED)
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Image:
    return build(request.param, tmp_path_factory.mktemp("image"))


def test_nothing_lies_in_it_but_the_service_and_what_it_needs(image: Image):
    assert foreign_files(image) == []


def test_its_interpreter_finds_no_other_service(image: Image):
    own = f"tumorcast_{image.service}"
    modules = [f"tumorcast_{name}" for name in (*SERVICES, "training", "platform")]
    assert importable(image, [*modules, "torch", "pytest", "pip"]) == [own]


def test_it_serves_as_another_user_on_a_read_only_root_and_ends_within_its_drain(image: Image):
    if not can_confine():
        pytest.skip("a mount namespace needs root on Linux, with setpriv and unshare")
    started = start(image)
    assert started.confined
    assert started.ended_s < DRAIN_S + 1
