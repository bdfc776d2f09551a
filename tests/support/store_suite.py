"""What holds for records on every database; subclasses are collected where a fixture ``url`` gives an empty one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import select, text, update

from support.store_everything import SECRET_WORDS, fill
from support.store_records import PATIENT_ID, SECRETS, START, kept, minutes, prediction, snapshot, stored
from tumorcast_core.errors import (
    MalformedRequest,
    PatientNotFound,
    PrognosisNotFound,
    RecordErased,
    StoreUnavailable,
    StudyNotFound,
)
from tumorcast_gateway.model.records import Decision, Feedback, Outcome, PageRequest, new_id
from tumorcast_gateway.stores import Secrets, SqlStores
from tumorcast_gateway.stores.tables import predictions, remarks


class PredictionSuite:
    @stored
    async def test_a_record_comes_back_to_the_last_bit(self, stores: SqlStores) -> None:
        zone = START.astimezone(UTC) + timedelta(microseconds=1)
        async with stores.transaction() as tx:
            record = prediction(await tx.patients.ensure(PATIENT_ID), zone)
            await tx.predictions.add(record)
        async with stores.transaction() as tx:
            found = await tx.predictions.get(record.prognosis_id)
        assert found.prognosis == record.prognosis
        assert found.snapshot.features == snapshot().features
        assert found.snapshot.features[0].value == 1 / 3
        vector = found.snapshot.embeddings[0].vector
        assert vector.dtype == np.float16
        assert vector.tobytes() == snapshot().embeddings[0].vector.tobytes()
        assert (found.patient, found.created_at, found.created_at.tzinfo) == (record.patient, zone, UTC)
        assert (found.horizons_days, found.code_version) == ((90.5, 365.25), "1.2+abc")
        assert "Interval(lower=200.0, upper=inf, level=0.95)" in repr(found.prognosis.endpoints)

    @stored
    async def test_what_fails_leaves_nothing(self, stores: SqlStores) -> None:
        with pytest.raises(TimeoutError):  # noqa: PT012
            async with stores.transaction() as tx:
                await tx.predictions.add(prediction(await tx.patients.ensure(PATIENT_ID), prognosis_id="a" * 32))
                raise TimeoutError
        async with stores.transaction() as tx:
            assert await tx.patients.find(PATIENT_ID) is None
            with pytest.raises(PrognosisNotFound):
                await tx.predictions.get("a" * 32)

    @stored
    async def test_the_newest_come_first_also_at_the_same_moment(self, stores: SqlStores) -> None:
        ids = [await kept(stores, created_at=START + minutes(i // 2)) for i in range(6)]
        async with stores.transaction() as tx:
            page = await tx.predictions.list(PageRequest())
        keys = [(item.created_at, item.prognosis_id) for item in page.items]
        assert keys == sorted(keys, reverse=True)
        assert {item.prognosis_id for item in page.items} == set(ids)
        assert page.next_token == ""

    @stored
    async def test_pages_are_stable_while_others_add(self, stores: SqlStores) -> None:
        ids = [await kept(stores, created_at=START + minutes(i)) for i in range(7)]
        seen, token = [], ""
        while token or not seen:
            async with stores.transaction() as tx:
                page = await tx.predictions.list(PageRequest(3, token))
            seen += [item.prognosis_id for item in page.items]
            token = page.next_token
            await kept(stores, created_at=START + minutes(100))
        assert seen == ids[::-1]

    @stored
    async def test_a_list_is_of_a_patient_and_of_a_model(self, stores: SqlStores) -> None:
        mine = await kept(stores, "a", model="lung")
        await kept(stores, "a", model="liver")
        await kept(stores, "b", model="lung")
        async with stores.transaction() as tx:
            patient = await tx.patients.ensure("a")
            page = await tx.predictions.list(PageRequest(), patient=patient, model="lung")
        assert [item.prognosis_id for item in page.items] == [mine]
        assert (page.items[0].patient, page.items[0].model.name, page.items[0].erased) == (patient, "lung", False)

    @stored
    async def test_a_model_of_an_impossible_name_is_none(self, stores: SqlStores) -> None:
        """PostgreSQL takes no NUL in a text, and must not be told to be down for it."""
        await kept(stores, "a", model="lung")
        async with stores.transaction() as tx:
            assert not (await tx.predictions.list(PageRequest(), model="lung\0")).items

    @stored
    async def test_a_token_is_good_for_its_own_list_only(self, stores: SqlStores) -> None:
        for i in range(3):
            await kept(stores, created_at=START + minutes(i), model="lung")
        async with stores.transaction() as tx:
            token = (await tx.predictions.list(PageRequest(1))).next_token
            assert (await tx.predictions.list(PageRequest(1, token))).items
            with pytest.raises(MalformedRequest):
                await tx.predictions.list(PageRequest(1, token), model="lung")
            for forged in ("x", token[:-1], token[:-2] + "AA", "A" * 60, "é", "%00", token + "A"):
                with pytest.raises(MalformedRequest, match="page_token"):
                    await tx.predictions.list(PageRequest(1, forged))
            with pytest.raises(MalformedRequest, match="page_size"):
                await tx.predictions.list(PageRequest(0))

    @stored
    async def test_remarks_come_back_the_oldest_first(self, stores: SqlStores) -> None:
        of = await kept(stores)
        said = [
            Feedback(of, Decision.OVERRIDDEN, "frail", "She is frail.", new_id(), START + minutes(1)),
            Feedback(of, Decision.NOTED, created_at=START, feedback_id=new_id()),
        ]
        became = Outcome(of, "os", True, "", 90.25, None, new_id(), START)
        async with stores.transaction() as tx:
            for feedback in said:
                await tx.remarks.add_feedback(feedback)
            await tx.remarks.add_outcome(became)
        async with stores.transaction() as tx:
            assert await tx.remarks.feedback(of) == tuple(said[::-1])
            assert await tx.remarks.outcomes(of) == (became,)
            with pytest.raises(PrognosisNotFound):
                await tx.remarks.add_outcome(Outcome(new_id(), "os"))

    @stored
    async def test_what_is_old_is_made_unreadable_with_its_remarks(self, stores: SqlStores) -> None:
        old, young = await kept(stores), await kept(stores, created_at=START + minutes(2))
        async with stores.transaction() as tx:
            for of in (old, young):
                await tx.remarks.add_feedback(Feedback(of, Decision.NOTED, comment="said"))
            assert await tx.predictions.expire(START + minutes(1)) == 1
        async with stores.transaction() as tx:
            assert await tx.predictions.expire(START + minutes(1)) == 0
            assert (await tx.predictions.get(young)).prognosis_id == young
            assert [item.erased for item in (await tx.predictions.list(PageRequest())).items] == [False, True]
            assert len(await tx.remarks.feedback(young)) == 1
            with pytest.raises(RecordErased):
                await tx.predictions.get(old)
            with pytest.raises(RecordErased):
                await tx.remarks.feedback(old)


class PatientSuite:
    @stored
    async def test_a_patient_is_found_by_the_callers_id(self, stores: SqlStores) -> None:
        async with stores.transaction() as tx:
            assert await tx.patients.find(PATIENT_ID) is None
            patient = await tx.patients.ensure(PATIENT_ID)
        async with stores.transaction() as tx:
            assert await tx.patients.ensure(PATIENT_ID) == await tx.patients.find(PATIENT_ID) == patient
            assert await tx.patients.ensure(PATIENT_ID.lower()) != patient
            assert len(patient) == 32
            assert await tx.patients.count(patient) == 0

    @stored
    async def test_patients_without_an_id_are_each_their_own(self, stores: SqlStores) -> None:
        async with stores.transaction() as tx:
            assert await tx.patients.ensure("") != await tx.patients.ensure("")
            assert await tx.patients.find("") is None

    @stored
    async def test_the_erased_can_be_read_by_no_way(self, stores: SqlStores) -> None:
        of = await kept(stores)
        await kept(stores)
        other = await kept(stores, "another")
        async with stores.transaction() as tx:
            patient = await tx.patients.ensure(PATIENT_ID)
            await tx.remarks.add_feedback(Feedback(of, Decision.NOTED, comment="said"))
            assert await tx.patients.erase(patient) == 2
        async with stores.transaction() as tx:
            for attempt in (
                tx.predictions.get(of),
                tx.remarks.feedback(of),
                tx.remarks.outcomes(of),
                tx.remarks.add_feedback(Feedback(of, Decision.NOTED)),
                tx.patients.count(patient),
                tx.patients.erase(patient),
                tx.predictions.add(prediction(patient)),
            ):
                with pytest.raises(RecordErased):
                    await attempt
            assert await tx.patients.find(PATIENT_ID) is None
            page = await tx.predictions.list(PageRequest(), patient=patient)
            assert [item.erased for item in page.items] == [True, True]
            assert (await tx.predictions.get(other)).prognosis_id == other
            assert await tx.patients.ensure(PATIENT_ID) != patient

    @stored
    async def test_an_unknown_patient_is_not_found(self, stores: SqlStores) -> None:
        async with stores.transaction() as tx:
            for attempt in (tx.patients.count(new_id()), tx.patients.erase(new_id())):
                with pytest.raises(PatientNotFound):
                    await attempt

    @stored
    async def test_a_study_has_one_id(self, stores: SqlStores) -> None:
        async with stores.transaction() as tx:
            study = await tx.studies.ensure("2.25.1")
        async with stores.transaction() as tx:
            assert await tx.studies.ensure("2.25.1") == await tx.studies.get(study.study_id) == study
            assert (await tx.studies.ensure("2.25.2")).study_id != study.study_id
            with pytest.raises(StudyNotFound):
                await tx.studies.get(new_id())


class SealSuite:
    @pytest.mark.parametrize("column", ["snapshot", "prognosis"])
    @pytest.mark.parametrize("of_whom", ["the same", "another"])
    def test_a_sealed_value_opens_in_its_own_place_only(self, url: str, column: str, of_whom: str) -> None:
        @stored
        async def swapped(_: object, stores: SqlStores) -> None:
            of = await kept(stores)
            other = await kept(stores, PATIENT_ID if of_whom == "the same" else "another")
            async with stores.session() as session:
                taken = select(predictions.c[column]).where(predictions.c.id == other).scalar_subquery()
                await session.run(update(predictions).where(predictions.c.id == of).values({column: taken}))
            async with stores.transaction() as tx:
                await tx.predictions.get(other)
                with pytest.raises(StoreUnavailable, match="does not open"):
                    await tx.predictions.get(of)

        swapped(self, url)

    @stored
    async def test_columns_of_a_row_do_not_change_places(self, stores: SqlStores) -> None:
        of = await kept(stores)
        async with stores.session() as session:
            await session.run(update(predictions).values(snapshot=predictions.c.prognosis))
        async with stores.transaction() as tx:
            with pytest.raises(StoreUnavailable, match="does not open"):
                await tx.predictions.get(of)

    @stored
    async def test_a_remark_does_not_move_to_another_prognosis(self, stores: SqlStores) -> None:
        of, other = await kept(stores), await kept(stores)
        async with stores.transaction() as tx:
            await tx.remarks.add_feedback(Feedback(of, Decision.ACCEPTED, comment="good"))
            await tx.session.run(update(remarks).values(prognosis_id=other))
            with pytest.raises(StoreUnavailable, match="does not open"):
                await tx.remarks.feedback(other)

    @stored
    async def test_no_column_holds_what_was_said_of_a_patient(self, stores: SqlStores) -> None:
        await fill(stores)
        async with stores.session() as session:
            for table in predictions.metadata.sorted_tables:
                for row in await session.rows(select(table)):
                    written = repr(tuple(row)).encode() + b"".join(v for v in row if isinstance(v, bytes))
                    for word in SECRET_WORDS:
                        assert word.encode() not in written, (table.name, word)

    def test_another_master_key_is_refused(self, url: str) -> None:
        async def both() -> None:
            async with SqlStores(url, SECRETS) as stores:
                assert await stores.healthy()
            with pytest.raises(StoreUnavailable, match="master key"):
                async with SqlStores(url, Secrets.generate()):
                    pass

        asyncio.run(both())

    @stored
    async def test_an_error_of_the_database_holds_neither_statement_nor_values(self, stores: SqlStores) -> None:
        of = await kept(stores)
        with pytest.raises(StoreUnavailable) as told:
            async with stores.transaction() as tx:
                await tx.predictions.add(prediction(await tx.patients.ensure(PATIENT_ID), prognosis_id=of))
        assert str(told.value) == StoreUnavailable.default_message
        assert told.value.__cause__ is None
        assert told.value.__suppress_context__
        with pytest.raises(StoreUnavailable):
            async with stores.session() as session:
                await session.run(text("SELECT nothing FROM nowhere"))
        assert await stores.healthy()

    @stored
    async def test_a_far_date_keeps_its_microseconds(self, stores: SqlStores) -> None:
        moment = datetime(9998, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
        of = await kept(stores, created_at=moment)
        async with stores.transaction() as tx:
            assert (await tx.predictions.get(of)).created_at == moment
