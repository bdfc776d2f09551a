"""``tumorcast store erase``, ``retain``, ``erased`` and ``erase-again``: what nobody is to read again."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumorcast_core.errors import InvalidInput, PatientNotFound
from tumorcast_platform import console
from tumorcast_platform.commands.store.app import DatabaseUrl, DataDir, opened, operator, place, store_app
from tumorcast_platform.console import AsJson
from tumorcast_platform.render import Line, Style

if TYPE_CHECKING:
    from tumorcast_gateway.stores import SqlStores

_LONGEST_ID = 1_000


@store_app.command("erase")
def erase(
    patient: Annotated[
        str,
        typer.Argument(
            metavar="PATIENT",
            help="The opaque id, or - to read the id that your systems use from standard input: on the command line it "
            "would stand in the history of the shell.",
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    database_url: DatabaseUrl = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Destroy a patient's key: nobody can read the patient's prognoses again, nor in any backup made hereafter.

    Older backups still open with the master key: keep the list of `tumorcast store erased` with them, or rotate the
    master key and destroy the old one.
    """
    where = place(database_url, data_dir)
    own_id = _from_stdin() if patient == "-" else ""
    if not yes and not typer.confirm("Destroy the patient's key? This cannot be undone.", err=True):
        raise typer.Abort
    found, count = opened(where, lambda stores: _erase(stores, patient, own_id))
    line = Line(f"Erased: patient {found}, {count} prognoses.", Style.GOOD)
    console.answer({"patient": found, "prognoses": count}, [line], as_json=as_json)


def _from_stdin() -> str:
    text = sys.stdin.read(_LONGEST_ID + 1).strip()
    if not text or len(text) > _LONGEST_ID:
        raise InvalidInput("Standard input must hold one patient id.")
    return text


async def _erase(stores: SqlStores, patient: str, own_id: str) -> tuple[str, int]:
    from tumorcast_gateway.model.records import AuditEntry

    async with stores.transaction() as tx:
        found = await tx.patients.find(own_id) if own_id else patient
        if not found:
            raise PatientNotFound
        count = await tx.patients.erase(found)
        await tx.audit.append(AuditEntry("patient.erase", "patient", found, found, subject=operator()))
    return found, count


@store_app.command("retain")
def retain(
    days: Annotated[float, typer.Option("--days", metavar="N", min=1, help="Keep what is younger than this.")],
    database_url: DatabaseUrl = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make prognoses older than N days unreadable, and destroy the keys of patients of whom nothing is left.

    The gateway does this by itself where retention_days is set; this is for cron, or for once.
    """
    from tumorcast_gateway.stores import retain as run

    before = datetime.now(UTC) - timedelta(days=days)
    done = opened(place(database_url, data_dir), lambda stores: run(stores, before, operator()))
    document = {"prognoses": done.predictions, "patients": done.patients, "idempotency_keys": done.idempotency_keys}
    told = f"Destroyed: {done.predictions} prognoses, the keys of {done.patients} patients."
    console.answer(document, [Line(told)], as_json=as_json)


@store_app.command("erased")
def erased(database_url: DatabaseUrl = "", data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the opaque ids of all patients whose keys are destroyed, one in a line, for `restore --erased`."""
    ids = opened(place(database_url, data_dir), _erased)
    console.answer({"erased": ids}, map(Line, ids), as_json=as_json)


@store_app.command("erase-again")
def erase_again(
    erased: Annotated[Path, typer.Argument(metavar="FILE", help="What `erased` listed.", show_default=False)],
    database_url: DatabaseUrl = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Erase patients again whom an older backup brought back: after pg_restore; `restore` does so by itself."""
    from tumorcast_gateway.stores import reapply_erasures

    ids = ids_in(erased)
    again = opened(place(database_url, data_dir), lambda stores: reapply_erasures(stores, ids, operator()))
    console.answer({"erased_again": again}, [Line(f"Erased again: {again} patients.", Style.GOOD)], as_json=as_json)


def ids_in(erased: Path) -> list[str]:
    """The opaque ids in a file that `erased` listed; raises ``InvalidInput``."""
    try:
        return erased.read_text("utf-8").split()
    except (OSError, UnicodeDecodeError) as e:
        raise InvalidInput("The list of erased patients cannot be read.") from e


async def _erased(stores: SqlStores) -> list[str]:
    from tumorcast_gateway.stores import erased_patients

    return [patient async for patient in erased_patients(stores)]
