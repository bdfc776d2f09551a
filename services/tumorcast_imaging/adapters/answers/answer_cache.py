"""Answers given before: the same question about the same files, read by the same code, has the same answer.

Reading and measuring a study costs several times what its encoder does, so whole answers are kept besides vectors.
What decides an answer decides its name: the question, every file of the study with size, inode and times of change,
the encoders (manifest, weights, space, device), and the code with its libraries (``made_by``). A file that is added,
removed or changed gives another name. An entry is encrypted with a key made from the same facts, and holds none of
them: whoever has this folder alone, or the study no more, can neither read an entry nor tell whose it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tumorcast_core.snapshot import Extraction, Severity, Timepoint, WantedOfImages
from tumorcast_imaging.adapters.answers.file_state import FileState, settled, states_of
from tumorcast_imaging.adapters.kept_files import KeptFiles
from tumorcast_imaging.dicom.reasons import CODES
from tumorcast_imaging.model import EncoderManifest, StudyReader

_VERSION = "tumorcast answer 1"
_NONCE_BYTES = 12
_OF_THE_MOMENT = frozenset(
    {
        "CHANGED_WHILE_READ",
        "DECODER_CRASHED",
        "DECODER_OUT_OF_MEMORY",
        "DECODER_TIMEOUT",
        "UNREADABLE",
    }
)
"""What may be different a minute later."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One question about one state of a study's files."""

    secret: bytes = field(repr=False)
    paths: tuple[Path, ...] = field(repr=False)
    states: tuple[FileState, ...] = field(repr=False)
    spaces: frozenset[str]
    settled: bool

    @property
    def name(self) -> str:
        """The entry's name."""
        return _derived("name", self.secret).hex()


@dataclass(frozen=True, slots=True)
class Looked:
    """The study's files as they were listed; a ticket if an answer may be kept; the answer if one was."""

    paths: tuple[Path, ...] = field(repr=False)
    ticket: Ticket | None = None
    answer: bytes | None = field(default=None, repr=False)

    def files(self, study_instance_uid: str) -> tuple[Path, ...]:  # noqa: ARG002 - of one study
        """The same files again, as a ``StudyReader``: what is read is what the ticket names."""
        return self.paths


class AnswerCache:
    """Serialized answers in ``files``; ``made_by`` is the code's digest, ``device`` the kind the encoders run on."""

    def __init__(
        self, files: KeptFiles, made_by: str, device: str, *, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._files, self._made_by, self._device, self._clock_ns = files, made_by, device, clock_ns

    def look(
        self,
        store: StudyReader,
        timepoint: Timepoint,
        wanted: WantedOfImages | None,
        encoders: Sequence[tuple[EncoderManifest, str]] | None,
    ) -> Looked:
        """List the study's files and look for an answer; without ``encoders`` none is. Raises what ``files`` raises."""
        paths = store.files(timepoint.study_instance_uid)
        ticket = None if encoders is None else self.ticket(timepoint, wanted, encoders, paths)
        return Looked(paths, ticket, self.get(ticket) if ticket else None)

    def ticket(
        self,
        timepoint: Timepoint,
        wanted: WantedOfImages | None,
        encoders: Sequence[tuple[EncoderManifest, str]],
        paths: Sequence[Path],
    ) -> Ticket | None:
        """Name a question; ``encoders`` come with the space that each says it encodes into now.

        ``None`` where nothing may be taken or kept: a file has gone, or an encoder has other weights than its manifest.
        """
        states = states_of(paths)
        if states is None or not all(map(_of_the_manifest, encoders)):
            return None
        facts = (
            _VERSION,
            self._made_by,
            self._device,
            (timepoint.role, timepoint.date, timepoint.study_instance_uid, timepoint.segmentation_uid),
            None if wanted is None else (sorted(wanted.features), sorted(wanted.encoders)),
            sorted((manifest.model_dump_json(), space) for manifest, space in encoders),
            states,
        )
        secret = hashlib.sha256(json.dumps(facts).encode()).digest()
        spaces = frozenset(space for _, space in encoders)
        return Ticket(secret, tuple(paths), states, spaces, settled(states, self._clock_ns()))

    def get(self, ticket: Ticket) -> bytes | None:
        """The answer kept for this question, if there is one and it is sound."""
        sealed = self._files.get(ticket.name)
        if sealed is None:
            return None
        try:
            return _cipher(ticket).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
        except (InvalidTag, ValueError):
            self._files.drop(ticket.name)
            return None

    def put(self, ticket: Ticket, extraction: Extraction, answer: bytes) -> None:
        """Keep an answer, unless it might be another if it were asked for again."""
        if ticket.settled and _repeatable(extraction, ticket.spaces) and states_of(ticket.paths) == ticket.states:
            nonce = os.urandom(_NONCE_BYTES)
            self._files.put(ticket.name, nonce + _cipher(ticket).encrypt(nonce, answer, None))


def _of_the_manifest(encoder: tuple[EncoderManifest, str]) -> bool:
    manifest, space = encoder
    return bool(manifest.weights_sha256) and space.startswith(f"{manifest.name}@{manifest.weights_sha256[:12]}/")


def _repeatable(extraction: Extraction, spaces: frozenset[str]) -> bool:
    """Whether all vectors are of the spaces in the key, and nothing failed for a reason of the moment."""
    lasting = CODES - _OF_THE_MOMENT
    return all(embedding.embedding_space in spaces for embedding in extraction.embeddings) and all(
        issue.code in lasting for issue in extraction.issues if issue.severity is Severity.ERROR
    )


def _cipher(ticket: Ticket) -> AESGCM:
    return AESGCM(_derived("content", ticket.secret))


def _derived(purpose: str, secret: bytes) -> bytes:
    return hashlib.sha256(f"{_VERSION} {purpose}".encode() + secret).digest()
