"""``tumorcast imaging explain``: where in an image an encoder's vector, or a model's answer, comes from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tumorcast_platform import console
from tumorcast_platform.commands.imaging.app import Folder, Seg, imaging_app
from tumorcast_platform.commands.imaging.folder import Drawn, read_drawn
from tumorcast_platform.commands.imaging.output import write_whole
from tumorcast_platform.commands.imaging.picture import Through, lesion_point
from tumorcast_platform.console import AsJson
from tumorcast_platform.weights import Trained, Weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tumorcast_imaging.dicom import Region
    from tumorcast_imaging.model import Encoder
    from tumorcast_imaging.model.crop import Crop
    from tumorcast_imaging.model.pictures import Field
    from tumorcast_imaging.model.saliency import DeletionResult, Direction, Score, Walk

    Array = NDArray[np.float32]

MethodOption = Literal["occlusion", "gradient"]
EncoderOption = Annotated[
    str, typer.Option("--encoder", metavar="NAME|PATH", help="Encoder: its name, or its folder.", show_default=False)
]
Model = Annotated[
    str, typer.Option("--model", help="Explain this model's answer; without it, the length of the embedding.")
]
Endpoint = Annotated[str, typer.Option("--endpoint", help="Which of the model's answers; its first by default.")]
Out = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Folder to write to.", file_okay=False, show_default=False)
]
Method = Annotated[MethodOption, typer.Option("--method", help="How; gradient is SmoothGrad × input.")]
Orders = Annotated[int, typer.Option("--orders", help="Random orders of the deletion test; 0: no test.", min=0)]
_CUBES_ACROSS = 6
"""About so many occluding cubes stand side by side, and others between them: they overlap by half."""
_SMOOTH_VOXELS = 1.0
_PLANES: tuple[Literal["axial"], Literal["coronal"], Literal["sagittal"]] = ("axial", "coronal", "sagittal")


@dataclass(frozen=True, slots=True, eq=False)
class _Explained:
    """A saliency on its crop, and what it is the saliency of."""

    crop: Crop
    saliency: Array
    score: Score
    direction: Direction
    endpoint: str


@imaging_app.command("explain")
def explain(
    folder: Folder,
    encoder: EncoderOption,
    out: Out,
    model: Model = "",
    endpoint: Endpoint = "",
    seg: Seg = None,
    through: Through = "",
    method: Method = "occlusion",
    orders: Orders = 50,
    trained: Trained = None,
    as_json: AsJson = False,
) -> None:
    """Draw where an encoder looks, on three planes, and test it by taking that tissue away.

    With --model the saliency is that of the model's answer to this image alone (log odds, or log cumulative hazard, by
    its slope at the embedding); without, that of the embedding's length. OUT gets axial.png, coronal.png, sagittal.png
    and saliency.json. Exit status: 0 if they were written.
    """
    from tumorcast_imaging.model import Encoder
    from tumorcast_platform.render.pictures import explanation_page

    loaded = Encoder.load(_encoder_folder(encoder, Weights.of(trained)))
    one, number, region = _lesion(read_drawn(folder, seg), loaded, through)
    with console.status("Looking for what matters", as_json=as_json):
        found = _explained(one, region, loaded, _models(model, trained), endpoint, method)
        tested = _tested(found, orders)
    heat = _heat(one, region, loaded, found.saliency, smooth=method == "gradient")
    pictures = [_drawn(one, number, region, heat, plane, out) for plane in _PLANES]
    document = {
        "encoder": loaded.manifest.name,
        "embedding_space": loaded.embedding_space,
        "series_instance_uid": one.volume.series_instance_uid,
        "dicom_modality": one.volume.dicom_modality,
        "region": {"number": number, "source": region.source},
        "method": method,
        "direction": found.direction.kind,
        "model": model or None,
        "endpoint": found.endpoint or None,
        **_where(found, heat, loaded.manifest.crop.spacing_mm),
        "deletion_test": tested,
        "rank_correlation_with_randomized_weights": _sanity(found, loaded) if method == "gradient" else None,
        "pictures": pictures,
        "problems": _problems(one),
    }
    write_whole(out / "saliency.json", json.dumps(document, indent=2).encode() + b"\n")
    console.answer(document, explanation_page(document), as_json=as_json)


def _encoder_folder(name: str, weights: Weights) -> Path:
    """A folder as it is, else an encoder of that name; raises ``UnknownModel``."""
    from tumorcast_core.errors import UnknownModel

    path = Path(name)
    if path.is_dir():
        return path
    known = {folder.name: folder for folder in weights.encoder_folders()}
    if name not in known:
        raise UnknownModel(f"There is no encoder of that name; there are: {', '.join(known) or 'none'}.")
    return known[name]


def _lesion(found: list[Drawn], encoder: Encoder, through: str) -> tuple[Drawn, int, Region]:
    """The first series that the encoder reads and that has the lesion; raises ``InvalidInput``."""
    from tumorcast_core.errors import InvalidInput

    readable = [one for one in found if one.volume.dicom_modality in encoder.manifest.crop.windows]
    if not readable:
        kinds = ", ".join(encoder.manifest.crop.windows)
        raise InvalidInput(f"The encoder reads {kinds}; the folder has no such series.")
    for one in readable:
        if chosen := one.region(through):
            return one, *chosen
    codes = sorted({issue.code for one in readable for issue in one.issues})
    raise InvalidInput(f"No such lesion is drawn on a series that the encoder reads. {', '.join(codes)}".strip())


def _models(name: str, trained: Path | None) -> Any:
    """The prognosis model of that name, or ``None`` without a name; raises ``UnknownModel``."""
    from tumorcast_core.errors import UnknownModel

    if not name:
        return None
    from tumorcast_fusion.model import ModelStore, PrognosisModel

    model = ModelStore(Weights.of(trained).models).get(name)
    if not isinstance(model, PrognosisModel):
        raise UnknownModel("That model reads no images.")
    return model


def _explained(
    one: Drawn, region: Region, encoder: Encoder, model: Any, endpoint: str, method: MethodOption
) -> _Explained:
    from tumorcast_imaging.model import crop_of
    from tumorcast_imaging.model.saliency import (
        gradient_saliency,
        model_direction,
        norm_direction,
        occlusion,
        score_along,
    )
    from tumorcast_platform.commands.imaging.model_answer import answer_from

    crop = crop_of(one.volume, region.mask, encoder.manifest)
    embedding = encoder.encode([crop])[0]
    if model is None:
        direction, asked = norm_direction(embedding), ""
    else:
        answer, asked = answer_from(model, encoder.embedding_space, one.volume.dicom_modality, endpoint)
        direction = model_direction(answer, embedding)
    score = score_along(encoder, direction)
    if method == "occlusion":
        size = max(2 * round(crop.array.shape[1] / _CUBES_ACROSS / 2), 4)
        saliency = occlusion(score, crop.array, size=size, stride=size // 2)
    else:
        saliency = gradient_saliency(encoder.network, crop.array, direction.vector)
    return _Explained(crop, saliency, score, direction, asked)


def _tested(found: _Explained, orders: int) -> dict[str, Any] | None:
    from tumorcast_imaging.model.saliency import deletion_test

    if not orders:
        return None
    result: DeletionResult = deletion_test(found.score, found.crop.array, found.saliency, orders=orders)
    return {
        "orders": orders,
        "null": result.null,
        "patch_voxels": result.patch_voxels,
        "patches": result.patches,
        "deletion": _walk(result.deletion),
        "insertion": _walk(result.insertion),
    }


def _sanity(found: _Explained, encoder: Encoder) -> float:
    """How much of the saliency's order stays when the weights mean nothing (Adebayo 2018); near 0 is good."""
    from tumorcast_imaging.model.saliency import after_randomization, gradient_saliency

    return after_randomization(
        encoder.network, lambda network: gradient_saliency(network, found.crop.array, found.direction.vector), repeats=3
    )


def _walk(walk: Walk) -> dict[str, Any]:
    return {
        "area": walk.area,
        "random_area": float(walk.random_areas.mean()),
        "p": walk.p_value,
        "fractions": walk.fractions.tolist(),
        "curve": walk.curve.tolist(),
    }


def _heat(one: Drawn, region: Region, encoder: Encoder, saliency: Array, *, smooth: bool) -> Field:
    """The absolute saliency in the patient; a derivative is smoothed, for its single voxels mean nothing."""
    import numpy as np
    from scipy import ndimage

    from tumorcast_imaging.model.crop import affine_of
    from tumorcast_imaging.model.pictures import Field

    spec = encoder.manifest.crop
    size = ndimage.gaussian_filter(np.abs(saliency), _SMOOTH_VOXELS if smooth else 0)
    return Field(size, affine_of(one.volume, region.mask, voxels=spec.voxels, spacing_mm=spec.spacing_mm))


def _drawn(
    one: Drawn, number: int, region: Region, heat: Field, plane: Literal["axial", "coronal", "sagittal"], out: Path
) -> str:
    """Write one picture of the lesion with its saliency; returns its name."""
    from tumorcast_imaging.model.pictures import Field, RegionLayer, View, render_plane

    mask = region.mask if region.occupancy is None else region.occupancy
    view = View(
        through_mm=lesion_point(one.volume, region.mask, plane),
        regions=[RegionLayer(Field.of(mask, one.volume.affine_lps), number)],
        heat=heat,
        field_mm=heat.array.shape[0] * abs(float(heat.affine_lps[0, 2])),
    )
    name = f"{plane}.png"
    write_whole(out / name, render_plane(one.volume, plane, view))
    return name


def _where(found: _Explained, heat: Field, spacing_mm: float) -> dict[str, Any]:
    """How much of the saliency lies where, and where it is highest."""
    import numpy as np

    from tumorcast_imaging.model.saliency import rim_mm, shares

    zones = shares(found.saliency, found.crop.array[1] >= 0.5, spacing_mm)
    peak = np.unravel_index(np.abs(found.saliency).argmax(), found.saliency.shape)
    at = heat.affine_lps @ np.array([*peak, 1.0])
    return {
        "saliency": {
            "inside": {"share": zones.inside, "share_of_voxels": zones.voxels_inside},
            "rim": {"share": zones.rim, "share_of_voxels": zones.voxels_rim, "within_mm": rim_mm(spacing_mm)},
            "outside": {"share": zones.outside, "share_of_voxels": zones.voxels_outside},
        },
        "peak_lps_mm": [round(float(x), 3) for x in at[:3]],
        "score": float(np.asarray(found.score(found.crop.array[None]))[0]),
    }


def _problems(one: Drawn) -> list[dict[str, str]]:
    from tumorcast_platform.commands.imaging.entries import problem_entry

    return [problem_entry(issue) for issue in (*one.volume.problems, *one.issues)]
