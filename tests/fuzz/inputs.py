"""The damaged file of a number: always the same one for the same seed and number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydicom import uid as uids

from fuzz import mutations, streams
from fuzz.anatomy import Anatomy, Edit, applied
from fuzz.checks import Input
from fuzz.mutations import Mutator, Random, pick
from fuzz.seeds import Corpus, Seed

COSTLY, BOMBS, CROSSINGS, TOGETHER = 0.015, 0.005, 0.04, 0.1


@dataclass(frozen=True)
class Made:
    """An input and how it came about, in words."""

    given: Input
    story: str


def make(corpus: Corpus, seed: int, number: int) -> Made:
    random = np.random.default_rng((seed, number))
    chosen, inside = _seed(random, corpus)
    kind = random.random()
    if kind < BOMBS:
        return Made(Input(chosen, streams.bomb(random, chosen.anatomy), (), inside), f"{chosen.name}: bomb")
    if kind < BOMBS + CROSSINGS:
        other, _ = _seed(random, corpus)
        data = _crossed(random, chosen, other)
        return Made(Input(chosen, data, (), inside), f"{chosen.name}: crossed with {other.name}")
    if kind < BOMBS + CROSSINGS + COSTLY:
        return _mutated(random, chosen, inside, [mutations.COSTLY_MUTATORS[pick(random, mutations.COSTLY_MUTATORS)]])
    pools = [mutations.HEADER_MUTATORS]
    if chosen.anatomy.fragments():
        pools.append(streams.STREAM_MUTATORS)
    mutators = [_one(random, pools) for _ in range(int(random.choice([1, 1, 1, 2, 3])))]
    if inside and random.random() < TOGETHER:
        return _all_alike(corpus, chosen, mutators, (seed, number, 1))
    return _mutated(random, chosen, inside, mutators)


def _one(random: Random, pools: Sequence[Sequence[Mutator]]) -> Mutator:
    pool = pools[pick(random, pools)]
    return pool[pick(random, pool)]


def _seed(random: Random, corpus: Corpus) -> tuple[Seed, bool]:
    draw = random.random()
    if draw < 0.55:
        return corpus.slices[pick(random, corpus.slices)], True
    if draw < 0.65:
        return corpus.slices[pick(random, corpus.slices)], False
    if draw < 0.9:
        return corpus.strays[pick(random, corpus.strays)], False
    return corpus.segmentations[pick(random, corpus.segmentations)], False


def _mutated(random: Random, seed: Seed, inside: bool, mutators: Sequence[Mutator]) -> Made:
    """A deflated file is damaged before it is folded, or, for half of them, as it lies there."""
    whole = seed.anatomy
    folded = whole.syntax == uids.DeflatedExplicitVRLittleEndian
    raw = folded and random.random() < 0.5
    if raw:
        meta = tuple(p for p in whole.places if p.end <= whole.body)
        whole = Anatomy(seed.data, meta, whole.syntax, whole.body)
    edits: list[Edit] = []
    if whole.places and whole.data:
        edits = [e for mutator in mutators for e in mutator(random, whole)]
    data = applied(whole.data, edits)
    if folded and not raw:
        data = streams.deflated(data, min(whole.body, len(data)))
    names = ", ".join(m.__name__ for m in mutators)
    return Made(Input(seed, data, () if raw else tuple(edits), inside), f"{seed.name}: {names}")


def _all_alike(corpus: Corpus, chosen: Seed, mutators: Sequence[Mutator], draw: tuple[int, ...]) -> Made:
    """Every file of the series damaged by the same draw: what differs between slices hides what all have wrong."""
    siblings = [s for s in corpus.slices if s.home == chosen.home and s.path != chosen.path]
    made = _mutated(np.random.default_rng(draw), chosen, True, mutators)
    others = [(s.path, _mutated(np.random.default_rng(draw), s, True, mutators).given.data) for s in siblings]
    return Made(replace(made.given, together=tuple(others)), f"{made.story}, in every file")


def _crossed(random: Random, one: Seed, other: Seed) -> bytes:
    """The beginning of one file and the end of another, mostly at the seams of elements."""
    if random.random() < 0.3 or not one.anatomy.places or not other.anatomy.places:
        cuts = [int(random.integers(len(s.data) + 1)) for s in (one, other)]
        return one.data[: cuts[0]] + other.data[cuts[1] :]
    cuts = [s.anatomy.places[pick(random, s.anatomy.places)].start for s in (one, other)]
    return one.anatomy.data[: cuts[0]] + other.anatomy.data[cuts[1] :]
