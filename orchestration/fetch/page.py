"""One answer of an API.

Belongs here: what a page is, and making one of records. Does not: requests (`client`), files (`landing`).
"""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """One answer of an API: its body as received, the records in it, and what is beside them."""

    body: bytes
    records: list[dict]
    answer: object = None

    @property
    def ids(self) -> set:
        """The ids of its records."""
        return {record["id"] for record in self.records}


def page_of(records: list[dict]) -> Page:
    """Return a page that holds these records."""
    return Page(json.dumps({"payload": records}, separators=(",", ":")).encode(), records)
