"""A table as a file without formulas for spreadsheets.

Belongs here: CSV and XLSX, safe against formulas in values. Does not: which rows and columns (see `tables`).
"""

import io
import re

import pandas as pd

# What begins a formula, in full width too: at the beginning of a value, or where a spreadsheet that expects
# another delimiter than the comma would begin a cell.
_FORMULA = re.compile('(^|[;,|"\t\r\n])(?=[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20])')


def as_csv(frame: pd.DataFrame) -> bytes:
    """Return the table as CSV in UTF-8 with a byte order mark, which Excel needs.

    An apostrophe precedes texts that a spreadsheet could parse as a formula. Numbers are unchanged.
    """
    return frame.rename(columns=_inert).map(_inert).to_csv(index=False).encode("utf-8-sig")


def as_xlsx(frame: pd.DataFrame) -> bytes:
    """Return the table as an Excel workbook with one sheet. Texts are never formulas or links."""
    file = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with pd.ExcelWriter(file, engine="xlsxwriter", engine_kwargs={"options": options}) as writer:
        frame.to_excel(writer, index=False, freeze_panes=(1, 0))
        for sheet in writer.sheets.values():
            sheet.autofit()
    return file.getvalue()


def _inert(value: object) -> object:
    return _FORMULA.sub(r"\1'", value) if isinstance(value, str) else value
