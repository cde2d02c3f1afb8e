"""A table as a file that a spreadsheet opens without running anything.

Belongs here: CSV and XLSX, safe against formulas in values. Does not: which rows and columns (see `tables`).
"""

import io
import re

import pandas as pd

# What begins a formula, in full width too: at the beginning of a value, or where a spreadsheet that expects
# another delimiter than the comma would begin a cell.
_FORMULA = re.compile('(^|[;,|"\t\r\n])(?=[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20])')


def as_csv(frame: pd.DataFrame) -> bytes:
    """Return the table as CSV in UTF-8 with a byte order mark, by which Excel knows it.

    An apostrophe stands before what a spreadsheet could take for a formula; numbers stay numbers.
    """
    return frame.rename(columns=_inert).map(_inert).to_csv(index=False).encode("utf-8-sig")


def as_xlsx(frame: pd.DataFrame) -> bytes:
    """Return the table as an Excel workbook of one sheet; texts are texts, whatever they begin with."""
    file = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with pd.ExcelWriter(file, engine="xlsxwriter", engine_kwargs={"options": options}) as writer:
        frame.to_excel(writer, index=False, freeze_panes=(1, 0))
        for sheet in writer.sheets.values():
            sheet.autofit()
    return file.getvalue()


def _inert(value: object) -> object:
    return _FORMULA.sub(r"\1'", value) if isinstance(value, str) else value
