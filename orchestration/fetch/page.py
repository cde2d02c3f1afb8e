"""One answer of an API.

Belongs here: the page, and building one from records. Does not: requests (`client`), files (`landing`).
"""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """One answer of an API: the body as received, its records, and the parsed answer."""

    body: bytes
    records: list[dict]
    answer: object = None

    @property
    def ids(self) -> set:
        """The ids of its records."""
        return {record["id"] for record in self.records}


def page_of(records: list[dict]) -> Page:
    """Return a page with these records."""
    return Page(json.dumps({"payload": records}, separators=(",", ":")).encode(), records)
