"""One fetch of one account: its API, its files, how far it came, and what it could not get.

Belongs here: what a platform's module works with. Does not: any platform's addresses.
"""

from collections.abc import Callable

from orchestration.fetch.client import Api
from orchestration.fetch.landing import Pages, digest
from orchestration.fetch.page import Page
from orchestration.fetch.progress import Part, Progress, ProgressFile


class Session:
    """What a platform's module works with.

    - `api`: where it reads; `pages`: where it writes; `progress`: how far the account was fetched
    - `notes`: what the API does not give, and which figures are unknown without it
    """

    def __init__(self, api: Api, pages: Pages, file: ProgressFile, log: Callable[[str], None]):
        self.api = api
        self.pages = pages
        self.file = file
        if not pages.has_files:  # they were removed: what was fetched once is not there any more
            file.forget()
        self.progress: Progress = file.read()
        self.notes: list[str] = []
        self._log = log

    def add_if_changed(self, name: str, page: Page, content: object) -> None:
        """Add a page unless the last one of this name had the same content (plain data)."""
        found = digest(content)
        if self.progress.digests.get(name) != found:
            self.pages.add(name, page)
            self.progress.digests[name] = found

    def flush_if_full(self, part: Part, number: int) -> None:
        """Once enough is collected, put it into landing and note that the part continues at this page."""
        if self.pages.is_full:
            self.flush()
            part.page = number
            self.save()

    def flush(self) -> None:
        """Put what is collected into landing."""
        if self.pages.flush():
            counts = ", ".join(f"{count:,} {name}" for name, count in sorted(self.pages.records.items()))
            self._log(f"in landing so far: {counts}")

    def save(self) -> None:
        """Note on disk how far the account was fetched. What is noted must be in landing."""
        self.file.write(self.progress)

    def note(self, text: str) -> None:
        """Keep a note of what the API does not give."""
        self.notes.append(text)
