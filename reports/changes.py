"""The change of a figure from the previous period: its text, and whether it is good or bad.

Belongs here: comparing two figures. Does not: the figures, which come from the macros.
"""

from dataclasses import dataclass

import pandas as pd

from orchestration.publish.page.figures import FEW, MATERIAL, change_of
from orchestration.publish.page.report import write_change
from reports.language import Language
from reports.tables import missing


@dataclass(frozen=True)
class Change:
    """The text of a change, and its color for `st.metric`: normal, inverse or off."""

    text: str | None
    colour: str


def difference(kind: str, value: float | None, previous: float | None) -> float | None:
    """Return the change as in `change_of`, or None if one value is unknown."""
    return None if missing(value) or missing(previous) else change_of(kind, value, previous)


def written_change(language: Language, kind: str, amount: float | None) -> str | None:
    """Return a change as text, or None if it is unknown."""
    return None if missing(amount) else write_change(language, kind, amount)


def change(
    language: Language, kind: str, better: str, values: tuple[float, float], cases: tuple[float, float] | None
) -> Change:
    """Return the change from the second value to the first. `cases` has the number of values behind each.

    A change that is small or based on few values is neither good nor bad.
    """
    amount = difference(kind, *values)
    if missing(amount):
        return Change(None, "off")
    is_known = cases is None or all(not missing(n) and n >= FEW for n in cases)
    is_material = abs(amount) >= MATERIAL.get(kind, 0) and is_known
    return Change(written_change(language, kind, amount), better if is_material else "off")


def compared(
    frame: pd.DataFrame, now: pd.DataFrame, before: pd.DataFrame | None, keys: list[str], kinds: dict
) -> pd.DataFrame:
    """Return the rows with the changes of the columns in `kinds`, as `<column>_change`.

    `now` has the figures of the compared days, and `before` those of the previous period.
    """
    result = frame.copy()
    if before is None:
        return result.assign(**{f"{column}_change": None for column in kinds})
    joined = (
        frame[keys].merge(now, on=keys, how="left").merge(before, on=keys, how="left", suffixes=("", "_was"))
    )
    for column, kind in kinds.items():
        result[f"{column}_change"] = [
            difference(kind, *pair) for pair in zip(joined[column], joined[f"{column}_was"], strict=True)
        ]
        result[f"{column}_was"] = joined[f"{column}_was"].to_list()
    return result
