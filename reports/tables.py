"""A table on a page: formatted values, and downloads of the same rows.

Belongs here: kinds of columns, the mark of small samples, the content of downloads. Does not: figures.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd
import streamlit as st

from orchestration.publish.page.figures import FEW
from reports.downloads import as_csv, as_xlsx
from reports.language import UNKNOWN, Language

PLACES = 4
MAX_FULL_HEIGHT = 25  # rows up to which a table has no scroll bar
TEXTS = ("text", "name", "list", "yes", "origin", "status", "event", "handled_by")
CHANGES = ("change", "points", "signed_decimal", "signed")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    - `field`: column of the frame
    - `kind`: text, name, list, count, decimal, seconds, share, rating, day, time, yes; for differences
      change, points, signed, signed_decimal; for codes origin, status, event, handled_by
    - `n`: column of the number of values behind an average
    - `label`: key in the section `column` of the catalogue, if it differs from `field`
    """

    field: str
    kind: str = "count"
    n: str | None = None
    label: str | None = None

    def heading(self, language: Language) -> str:
        """Return the heading of the column."""
        return language(f"column.{self.label or self.field}")

    def definition(self, language: Language) -> str | None:
        """Return the definition of the column, if the catalogue has one."""
        known = (
            language.definition(name) for name in (self.field.replace("_working", ""), self.label) if name
        )
        return next(filter(None, known), None)


def select(*groups: Sequence[Column], more: Sequence[str] = ()) -> str:
    """Return the SQL list of the fields of these columns, so that the database computes only them."""
    fields = [field for group in groups for column in group for field in (column.field, column.n) if field]
    return ", ".join(dict.fromkeys([*more, *fields]))


def missing(value: object) -> bool:
    """Return whether a value is unknown. A list never is."""
    return pd.api.types.is_scalar(value) and bool(pd.isna(value))


def written(language: Language, kind: str, value: object) -> str:
    """Return a value as text for the page."""
    if missing(value):
        return UNKNOWN
    writers: dict[str, Callable[[object], str]] = {
        "text": str,
        "name": lambda name: language.code_name("name", str(name)),
        "list": lambda names: ", ".join(language.code_name("name", str(name)) for name in names),
        "count": language.count,
        "decimal": language.decimal,
        "rating": language.decimal,
        "seconds": language.duration,
        "share": language.share,
        "change": language.change,
        "signed": language.signed,
        "points": language.points,
        "signed_decimal": language.signed_decimal,
        "day": language.day,
        "time": language.time,
        "weekday": language.weekday,
        "yes": lambda flag: language(f"yes.{str(bool(flag)).lower()}"),
    }
    write = writers.get(kind) or (lambda code: language.code_name(kind, str(code)))
    return write(value)


def mark(language: Language, n: float | None) -> str:
    """Return the mark of an average of few values, or an empty text."""
    return language("note.small", n=language.count(n)) if n is not None and 0 < n < FEW else ""


def show(
    language: Language,
    name: str,
    frame: pd.DataFrame,
    columns: Sequence[Column],
    stem: str = "",
    file_columns: Sequence[Column] | None = None,
    **options: object,
) -> object:
    """Show the rows as a sortable table with downloads below. Return the selection.

    File names begin with `stem`. Downloads have `file_columns`, by default the shown columns.
    """
    rows = frame.reset_index(drop=True)
    shown = pd.DataFrame(
        {column.field: _sortable(language, column, rows[column.field]) for column in columns}
    )
    styler = shown.style
    for column in columns:
        if column.kind not in TEXTS:
            styler = styler.format(partial(written, language, column.kind), subset=[column.field])
        if column.n:
            for row in rows.index[rows[column.n].between(1, FEW - 1)]:
                value = written(language, column.kind, rows.at[row, column.field])
                text = f"{value} {mark(language, rows.at[row, column.n])}"
                styler = styler.format(lambda _, text=text: text, subset=pd.IndexSlice[[row], [column.field]])
    configuration = {
        column.field: st.column_config.Column(column.heading(language), help=column.definition(language))
        for column in columns
    }
    options = {"height": "content" if len(rows) <= MAX_FULL_HEIGHT else "auto"} | options
    selected = st.dataframe(
        styler,
        hide_index=True,
        placeholder=UNKNOWN,
        column_config=configuration,
        alt=name,
        key=options.pop("key", name),
        **options,
    )
    downloads(language, name, lambda: as_file(language, frame, file_columns or columns), stem)
    return selected


def slug(text: str) -> str:
    """Return a text for a file name: lower case letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^0-9a-z]+", "-", plain.lower()).strip("-")


def downloads(language: Language, name: str, table: Callable[[], pd.DataFrame], stem: str = "") -> None:
    """Show download buttons for CSV and XLSX. The file is generated when a button is pressed."""
    with st.container(horizontal=True):
        for kind, make, mime in (
            ("csv", as_csv, "text/csv"),
            ("xlsx", as_xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ):
            st.download_button(
                language(f"download.{kind}"),
                data=lambda make=make: make(table()),
                file_name=f"{'_'.join(filter(None, (stem, slug(name))))}.{kind}",
                mime=mime,
                key=f"{kind}-{name}",
                help=language(f"download.{kind}_help", name=name),
                on_click="ignore",
                icon=":material/download:",
            )


def as_file(language: Language, frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Return the rows with plain values: durations in seconds, and the n of each average."""
    result: dict[str, object] = {}
    for column in columns:
        heading = column.heading(language)
        if column.kind == "seconds":
            heading = f"{heading} ({language('unit.seconds')})"
        result[heading] = [_plain(language, column.kind, value) for value in frame[column.field]]
        if column.n:
            result[f"{heading}, n"] = [None if missing(n) else int(n) for n in frame[column.n]]
    return pd.DataFrame(result)


def _plain(language: Language, kind: str, value: object) -> object:
    if missing(value):
        return None
    if kind in ("count", "weekday"):
        return int(value)
    if kind in ("seconds", "share", *CHANGES, "rating", "decimal"):
        return round(float(value), PLACES)
    if kind == "day":
        return pd.Timestamp(value).date()
    if kind == "time":
        return pd.Timestamp(value).to_pydatetime().replace(microsecond=0)
    return written(language, kind, value)


def _sortable(language: Language, column: Column, values: pd.Series) -> pd.Series:
    """Return formatted texts, and all other values unchanged, so that the page sorts by value."""
    if column.kind in TEXTS:
        return pd.Series([written(language, column.kind, value) for value in values], dtype="object")
    return values
