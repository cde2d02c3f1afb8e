"""One fetch of one account: its API, files, progress and notes.

Belongs here: what the modules of the platforms share. Does not: the endpoints of a platform.
"""

from collections.abc import Callable

from orchestration.fetch.client import Api
from orchestration.fetch.landing import Pages, digest
from orchestration.fetch.page import Page
from orchestration.fetch.progress import Part, Progress, ProgressFile


class Session:
    """The state of a fetch.

    - `api`: reads from the platform
    - `pages`: writes to landing
    - `progress`: progress of the account
    - `notes`: data missing in the API, and the figures that are unknown without it
    """

    def __init__(self, api: Api, pages: Pages, file: ProgressFile, log: Callable[[str], None]):
        self.api = api
        self.pages = pages
        self.file = file
        if not pages.has_files:  # they were removed, so the progress is invalid
            file.reset()
        self.progress: Progress = file.read()
        self.notes: list[str] = []
        self._log = log

    def add_if_changed(self, name: str, page: Page, content: object) -> None:
        """Add a page unless the last one with this name had the same content (plain data)."""
        found = digest(content)
        if self.progress.digests.get(name) != found:
            self.pages.add(name, page)
            self.progress.digests[name] = found

    def flush_if_full(self, part: Part, number: int) -> None:
        """Flush the pages if they are full, and save that the part continues at this page."""
        if self.pages.is_full:
            self.flush()
            part.page = number
            self.save()

    def flush(self) -> None:
        """Move the collected pages into landing."""
        if self.pages.flush():
            counts = ", ".join(f"{count:,} {name}" for name, count in sorted(self.pages.records.items()))
            self._log(f"in landing so far: {counts}")

    def save(self) -> None:
        """Write the progress to disk. Call this when the pages before it are in landing."""
        self.file.write(self.progress)

    def note(self, text: str) -> None:
        """Add a note on data missing in the API."""
        self.notes.append(text)
