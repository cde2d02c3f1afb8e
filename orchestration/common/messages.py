"""Sending messages with Apprise.

Belongs here: sending, without a URL in any log. Does not: the texts of messages (see `notifications`).
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
    """Send a message with files to every address of a setting, and return how many were reached, as a text.

    `kind` is a type of Apprise: info, success, warning or failure. An unreachable address is logged as a
    warning with its number, because the address can contain a password.
    """
    urls = addresses.get_secret_value().split() if addresses else []
    if not urls:
        return "off"
    from apprise import Apprise, NotifyFormat  # slow to import, and rarely used

    logging.getLogger("apprise").disabled = True  # its messages contain addresses
    unreachable = []
    for number, url in enumerate(urls, start=1):
        service = Apprise()
        # Services that send HTML escape the text, which can contain ids and file names.
        if not (
            service.add(url)
            and service.notify(
                body, title, kind, body_format=NotifyFormat.TEXT, attach=[str(file) for file in files] or None
            )
        ):
            unreachable.append(number)
            log.warning("Address %d of %s could not be reached; check it", number, setting)
    reached = f"to {len(urls) - len(unreachable)} of {len(urls)} addresses"
    return reached + (
        f"; not to address {', '.join(map(str, unreachable))} of {setting}" if unreachable else ""
    )
