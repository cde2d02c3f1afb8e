"""Sending a message with apprise, whatever it is about.

Belongs here: the way out, and that no address is shown. Does not: which messages there
are (see `notifications`).
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

log = logging.getLogger(__name__)


def send_message(
    setting: str,
    addresses: SecretStr | None,
    title: str,
    body: str,
    kind: str = "failure",
    files: Sequence[Path] = (),
) -> str:
    """Send a message with these files to every address of the setting; return how many it reached, as words.

    `kind` is one of apprise's: info, success, warning, failure. An address out of reach is a warning
    in the log, by its number: it may hold a password.
    """
    urls = addresses.get_secret_value().split() if addresses else []
    if not urls:
        return "off"
    from apprise import Apprise, NotifyFormat  # seldom needed, and it takes long to import

    logging.getLogger("apprise").disabled = True  # it quotes addresses
    missed = []
    for number, url in enumerate(urls, start=1):
        service = Apprise()
        # As text it is escaped where a service writes HTML: it may quote an id or the name of a file.
        if not (
            service.add(url)
            and service.notify(
                body, title, kind, body_format=NotifyFormat.TEXT, attach=[str(file) for file in files] or None
            )
        ):
            missed.append(number)
            log.warning("Address %d of %s could not be reached; check it", number, setting)
    reached = f"to {len(urls) - len(missed)} of {len(urls)} addresses"
    return reached + (f"; not to address {', '.join(map(str, missed))} of {setting}" if missed else "")
