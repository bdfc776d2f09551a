"""ComBat: equal to the authors' own program, and what it must do whatever the numbers."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.combat_reference import AGE, BATCH, NEW_ROWS, SEX, TRAINING, VALUES, WITH_COVARIATES
from tumorcast_core.errors import InvalidInput
from tumorcast_training.harmonization import Combat

TABLE = pd.DataFrame(VALUES, columns=list("abcdef"))
COVARIATES = pd.DataFrame({"age": AGE, "sex": SEX})


def simulated(seed: int, rows: int = 90, features: int = 12) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
    """Three scanners of other mean and spread; the first feature rises by 2 with each year of a covariate."""
    random = np.random.default_rng(seed)
    batch = pd.Series(random.permutation(np.repeat(["x", "y", "z"], rows // 3)))
    years = random.normal(0, 1, rows)
    shift = random.normal(0, 2, (3, features))
    spread = random.uniform(0.5, 2, (3, features))
    scanner = batch.map({"x": 0, "y": 1, "z": 2}).to_numpy()
    values = random.normal(0, 1, (rows, features)) * spread[scanner] + shift[scanner]
    values[:, 0] += 2 * years
    return pd.DataFrame(values).rename(columns=str), batch, pd.DataFrame({"years": years})


def test_training_rows_are_as_the_authors_program_gives_them() -> None:
    combat = Combat.fit(TABLE, BATCH, COVARIATES)
    assert combat.transform(TABLE, BATCH, COVARIATES).to_numpy() == pytest.approx(np.array(WITH_COVARIATES), abs=2e-5)


def test_new_rows_are_as_the_authors_program_gives_them() -> None:
    training, batch = np.array(TRAINING), np.array(BATCH)
    combat = Combat.fit(TABLE[training], batch[training])
    assert combat.transform(TABLE[~training], batch[~training]).to_numpy() == pytest.approx(
        np.array(NEW_ROWS), abs=1e-4
    ), "theirs stops at a change of 0.0001"


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_batches_have_nearly_one_mean_and_spread_afterwards(seed: int) -> None:
    table, batch, covariates = simulated(seed)
    done = Combat.fit(table, batch, covariates).transform(table, batch, covariates)
    others = [name for name in table if name != "0"]

    def apart(values: pd.DataFrame) -> tuple[float, float]:
        means, spreads = values.groupby(batch).mean(), values.groupby(batch).std()
        return float(means.std()[others].mean()), float(np.log(spreads).std()[others].mean())

    before, after = apart(table), apart(done)
    assert after[0] < before[0] / 4
    assert after[1] < before[1] / 2


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_the_effect_of_a_covariate_stays(seed: int) -> None:
    table, batch, covariates = simulated(seed)
    done = Combat.fit(table, batch, covariates).transform(table, batch, covariates)
    slope = np.polyfit(covariates["years"], done["0"], 1)[0]
    assert slope == pytest.approx(2, abs=0.6)


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_one_batch_is_left_as_it_is(seed: int) -> None:
    table, _, covariates = simulated(seed)
    one = ["only"] * len(table)
    pd.testing.assert_frame_equal(Combat.fit(table, one, covariates).transform(table, one, covariates), table)


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_json_keeps_everything_to_the_last_bit(seed: int) -> None:
    table, batch, covariates = simulated(seed)
    combat = Combat.fit(table, batch, covariates)
    again = Combat.from_json(combat.to_json())
    assert again == combat
    pd.testing.assert_frame_equal(
        again.transform(table, batch, covariates), combat.transform(table, batch, covariates), check_exact=True
    )


def test_a_row_is_moved_the_same_whatever_rows_are_beside_it() -> None:
    table, batch, covariates = simulated(1)
    combat = Combat.fit(table, batch, covariates)
    whole = combat.transform(table, batch, covariates)
    alone = combat.transform(table.iloc[[7]], batch.iloc[[7]], covariates.iloc[[7]])
    pd.testing.assert_frame_equal(alone, whole.iloc[[7]])


def test_units_of_a_feature_do_not_matter() -> None:
    table, batch, _ = simulated(2)
    millimeters = table.assign(**{"3": table["3"] * 10 + 7})
    plain = Combat.fit(table, batch).transform(table, batch)
    scaled = Combat.fit(millimeters, batch).transform(millimeters, batch)
    assert scaled["3"].to_numpy() == pytest.approx(plain["3"].to_numpy() * 10 + 7, rel=1e-6, abs=1e-6)


def test_an_unknown_batch_is_refused_or_left_as_it_is_with_a_warning() -> None:
    table, batch, _ = simulated(3)
    combat = Combat.fit(table, batch)
    new = batch.copy()
    new.iloc[4] = "scanner never seen"
    with pytest.raises(InvalidInput) as refused:
        combat.transform(table, new)
    assert "never seen" not in refused.value.message
    with pytest.warns(UserWarning, match="left as they are"):
        kept = combat.transform(table, new, unknown="keep")
    assert (kept.iloc[4] == table.iloc[4]).all()
    assert (kept.iloc[5] == combat.transform(table, batch).iloc[5]).all()


def test_a_missing_value_stays_missing_and_hinders_only_its_feature() -> None:
    table, batch, _ = simulated(4)
    gaps = table.copy()
    gaps.loc[[0, 5, 40], "2"] = np.nan
    done, whole = (Combat.fit(each, batch).transform(each, batch) for each in (gaps, table))
    assert done["2"].isna().to_numpy().nonzero()[0].tolist() == [0, 5, 40]
    assert done["1"].to_numpy() == pytest.approx(whole["1"].to_numpy(), abs=0.1), "only the shared prior moves"


@pytest.mark.parametrize("column", [np.full(90, 3.0), np.full(90, np.nan)], ids=["constant", "missing"])
def test_a_feature_that_says_nothing_is_left_as_it_is(column: np.ndarray) -> None:
    table, batch, _ = simulated(5)
    table = table.assign(silent=column)
    done = Combat.fit(table, batch).transform(table, batch)
    pd.testing.assert_series_equal(done["silent"], table["silent"])
    without = table.drop(columns="silent")
    pd.testing.assert_frame_equal(done.drop(columns="silent"), Combat.fit(without, batch).transform(without, batch))


def test_a_feature_that_a_batch_never_showed_is_left_as_it_is_there() -> None:
    table, batch, _ = simulated(6)
    table.loc[(batch == "z").to_numpy(), "1"] = np.nan
    combat = Combat.fit(table, batch)
    later = table.fillna({"1": 1.5})
    done = combat.transform(later, batch)
    assert (done.loc[(batch == "z").to_numpy(), "1"] == 1.5).all()
    assert set(combat.features["1"].shift) == {"x", "y"}


def test_columns_that_were_not_learned_stay_and_absent_ones_are_no_harm() -> None:
    table, batch, _ = simulated(7)
    combat = Combat.fit(table[["0", "1", "2"]], batch)
    done = combat.transform(table.drop(columns="2"), batch)
    assert (done["5"] == table["5"]).all()
    assert "2" not in done


def test_few_features_are_corrected_one_by_one() -> None:
    table, batch, _ = simulated(8, features=1)
    done = Combat.fit(table, batch).transform(table, batch)
    means, spreads = done.groupby(batch)["0"].mean(), done.groupby(batch)["0"].std()
    assert means.to_numpy() == pytest.approx(means.mean(), abs=1e-9)
    assert spreads.to_numpy() == pytest.approx(spreads.mean(), rel=1e-9)


GAPPY = COVARIATES.assign(age=np.where(np.arange(18) == 3, np.nan, AGE))
CONFOUNDED = pd.DataFrame({"site": list(BATCH)})
DOUBLED = COVARIATES.assign(again=COVARIATES["age"] * 2)


@pytest.mark.parametrize(
    ("table", "batch", "covariates"),
    [
        (TABLE, BATCH[:-1], None),
        (TABLE, [*BATCH[:-1], None], None),
        (TABLE, [*BATCH[:-1], ""], None),
        (TABLE, [*BATCH[:-1], "D"], None),
        (TABLE, BATCH, GAPPY),
        (TABLE, BATCH, CONFOUNDED),
        (TABLE, BATCH, DOUBLED),
        (TABLE.assign(a=np.inf), BATCH, None),
        (TABLE.assign(a="word"), BATCH, None),
    ],
    ids=["short", "no batch", "empty batch", "batch of one", "gap", "confounded", "doubled", "infinite", "a word"],
)
def test_what_cannot_be_learned_from_is_refused(
    table: pd.DataFrame, batch: list[str], covariates: pd.DataFrame
) -> None:
    with pytest.raises(InvalidInput):
        Combat.fit(table, batch, covariates)


@pytest.mark.parametrize(
    "covariates", [None, COVARIATES[["age"]], GAPPY, COVARIATES.assign(sex="other")], ids=["none", "one", "gap", "new"]
)
def test_new_rows_need_the_covariates_of_training(covariates: pd.DataFrame | None) -> None:
    with pytest.raises(InvalidInput):
        Combat.fit(TABLE, BATCH, COVARIATES).transform(TABLE, BATCH, covariates)


def _spoiled(**changes: object) -> str:
    content = json.loads(Combat.fit(TABLE, BATCH).to_json())
    content["features"]["a"].update(changes)
    return json.dumps(content)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}"),
        *(_spoiled(slopes=[1.0]), _spoiled(spread={}), _spoiled(scale=-1), _spoiled(level=None)),
        _spoiled(spread={"A": 0, "B": 1, "C": 1}),
    ],
)
def test_a_file_that_is_no_harmonization_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Combat.from_json(text)
