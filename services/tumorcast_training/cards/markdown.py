"""Pieces of Markdown, and numbers as a card writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NOT_COMPUTED = "not computed"
_DAYS_OF_YEAR = 365.25


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table; cells may hold anything.

    >>> table(["a"], [["x"]])
    ['| a |', '| --- |', '| x |', '']
    """
    return [_line(header), _line(["---"] * len(header)), *map(_line, rows), ""]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(str(c).replace('|', chr(92) + '|').replace(chr(10), ' ') for c in cells)} |"


def estimate(value: Any, digits: int = 3) -> str:
    """[estimate, lower, upper] or [mean, spread] or a number, in words.

    >>> estimate([0.8123, 0.79, 0.84]), estimate([0.7211, 0.03]), estimate(None)
    ('0.812 [0.790, 0.840]', '0.721 ± 0.030', 'not computed')
    """
    numbers = [value] if isinstance(value, int | float) else list(value or [])
    if not numbers or any(not isinstance(n, int | float) for n in numbers):
        return NOT_COMPUTED
    first, *rest = (f"{n:.{digits}f}" for n in numbers)
    if len(rest) == 2:
        return f"{first} [{rest[0]}, {rest[1]}]"
    return f"{first} ± {rest[0]}" if rest else first


def gain(test: Mapping[str, Any] | None) -> str:
    """A paired gain with its one-sided lower bound.

    >>> gain({"mean": 0.0204, "lower": -0.0026, "p": 0.066})
    '+0.020 (above -0.003, p = 0.066)'
    """
    if not test or test.get("mean") is None:
        return NOT_COMPUTED
    bound = f"above {test['lower']:+.3f}, " if test.get("lower") is not None else ""
    return f"{test['mean']:+.3f} ({bound}{p_value(test.get('p_holm', test.get('p')))})"


def p_value(p: float | None) -> str:
    """A p value in words.

    >>> p_value(0.00002), p_value(0.42), p_value(None)
    ('p < 0.001', 'p = 0.420', 'no p value')
    """
    if p is None:
        return "no p value"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def share(value: float) -> str:
    """A share in percent; small ones are told from none.

    >>> share(0.0), share(0.004), share(0.25)
    ('0 %', '< 1 %', '25 %')
    """
    return "< 1 %" if 0 < value < 0.01 else f"{100 * value:.0f} %"


def number(value: float) -> str:
    """A number as short as it can be told.

    >>> number(2024.0), number(0.12345), number(1234567.0)
    ('2024', '0.123', '1.23e+06')
    """
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e6 else f"{value:.3g}"


def count(value: Any) -> str:
    """A count with thousands apart, or that there is none.

    >>> count(9299), count(None)
    ('9,299', 'not computed')
    """
    return f"{value:,}" if isinstance(value, int) else NOT_COMPUTED


def few(value: Any) -> str:
    """A count of patients of a group, or that it is below five.

    >>> few(12), few(3), few(None)
    ('12', '< 5', 'not computed')
    """
    return "< 5" if isinstance(value, int) and value < 5 else count(value)


def words(identifier: str) -> str:
    """An identifier as words.

    >>> words("overall_survival")
    'overall survival'
    """
    return identifier.replace("_", " ")


def span(days: float) -> str:
    """A number of days, with years where they say more.

    >>> span(91), span(1826)
    ('91 days', '1826 days (5.0 years)')
    """
    return f"{days:g} days" if days < _DAYS_OF_YEAR else f"{days:g} days ({days / _DAYS_OF_YEAR:.1f} years)"
