"""Texts, numbers, durations and dates in the language of the user.

Belongs here: the catalogues of texts, and formatting values. Does not: which text a page shows.

A catalogue consists of `texts/<language>.toml` and, for the static pages, `texts/static.<language>.toml`. All
languages have the same keys and placeholders.
"""

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path

import babel
from babel.dates import format_date, format_datetime, get_day_names
from babel.lists import format_list
from babel.numbers import format_decimal, format_percent

CATALOGUES = Path(__file__).with_name("texts")
LANGUAGES = {"en": "English", "it": "Italiano"}
UNKNOWN = "—"
STATISTICS = ("avg", "median", "p90")
UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


@cache
def catalogue(code: str) -> Mapping[str, str]:
    """Return the texts of a language by key."""
    files = [*sorted(CATALOGUES.glob(f"*.{code}.toml")), CATALOGUES / f"{code}.toml"]
    return {
        f"{section}.{key}": text
        for file in files
        for section, texts in tomllib.loads(file.read_text()).items()
        for key, text in texts.items()
    }


def preferred(locale: str | None) -> str:
    """Return the language of a browser's locale, English if it is not available."""
    code = (locale or "en")[:2].lower()
    return code if code in LANGUAGES else "en"


class Language:
    """Formats texts and values in one language."""

    def __init__(self, code: str) -> None:
        self.code = code
        # English uses the European date format, with the day before the month.
        self.locale = babel.Locale.parse({"en": "en_GB"}.get(code, code))

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of a key with values for its placeholders."""
        return catalogue(self.code)[key].format(**values)

    def has(self, key: str) -> bool:
        """Return whether the catalogue has the key."""
        return key in catalogue(self.code)

    def definition(self, field: str) -> str | None:
        """Return the definition of a figure, including that of its statistic, or None."""
        if self.has(f"definition.{field}"):
            return self(f"definition.{field}")
        measure, _, statistic = field.rpartition("_")
        if statistic in STATISTICS and self.has(f"definition.{measure}"):
            return f"{self(f'definition.{measure}')} {self(f'definition.{statistic}')}"
        return None

    def code_name(self, kind: str, value: str) -> str:
        """Return the text for a code of the release, such as an origin, or the code if there is no text."""
        key = f"{kind}.{value.replace(' ', '_')}"
        return self(key) if self.has(key) else value

    def count(self, value: float) -> str:
        """Return an integer."""
        return format_decimal(int(value), format="#,##0", locale=self.locale)

    def decimal(self, value: float) -> str:
        """Return a number with two decimals."""
        return format_decimal(value, format="0.00", locale=self.locale)

    def share(self, value: float) -> str:
        """Return a share in percent with one decimal."""
        return format_percent(value, format="0.0 %", locale=self.locale)

    def change(self, value: float) -> str:
        """Return a relative change in percent with its sign."""
        return format_percent(value, format="+0.0 %;-0.0 %", locale=self.locale)

    def points(self, value: float) -> str:
        """Return the difference of two shares in percentage points with its sign."""
        number = format_decimal(value * 100, format="+0.0;-0.0", locale=self.locale)
        return self("unit.points", value=number)

    def signed(self, value: float) -> str:
        """Return the difference of two counts with its sign."""
        return format_decimal(int(value), format="+#,##0;-#,##0", locale=self.locale)

    def signed_decimal(self, value: float) -> str:
        """Return the difference of two numbers with two decimals and its sign."""
        return format_decimal(value, format="+0.00;-0.00", locale=self.locale)

    def duration(self, seconds: float) -> str:
        """Return a duration in its two largest units, such as `2 h 5 min`."""
        left, parts = round(seconds), []
        for unit, size in UNITS:
            if parts or left >= size or size == 1:
                parts.append((left // size, unit))
                left %= size
        shown = [(number, unit) for place, (number, unit) in enumerate(parts[:2]) if number or place == 0]
        return " ".join(f"{self.count(number)} {self(f'unit.{unit}')}" for number, unit in shown)

    def day(self, value: date) -> str:
        """Return a date."""
        return format_date(value, "medium", locale=self.locale)

    def short_day(self, value: date) -> str:
        """Return a date with a two-digit year, for the axis of a chart."""
        return format_date(value, "d MMM yy", locale=self.locale)

    def chart_numbers(self) -> dict[str, object]:
        """Return the number format in the form that Vega expects."""
        symbols = self.locale.number_symbols["latn"]
        return {
            "decimal": symbols["decimal"],
            "thousands": symbols["group"],
            "grouping": [3],
            "currency": ["", ""],
        }

    def time(self, value: datetime) -> str:
        """Return a local time with seconds."""
        return f"{self.day(value)}, {format_datetime(value, 'HH:mm:ss', locale=self.locale)}"

    def moment(self, value: datetime) -> str:
        """Return a local time with minutes."""
        return f"{self.day(value)}, {format_datetime(value, 'HH:mm', locale=self.locale)}"

    def weekday(self, iso_weekday: int) -> str:
        """Return the short name of a weekday; 1 is Monday."""
        return get_day_names("abbreviated", locale=self.locale)[iso_weekday - 1]

    def listed(self, values: list[str]) -> str:
        """Return the values as a list in words."""
        return format_list(list(values), locale=self.locale)
