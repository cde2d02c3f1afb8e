"""Fetching an account: its connection, its platform's module, and what came of it.

Belongs here: which module fetches which platform, and the result. Does not: any platform's addresses.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from orchestration.fetch import activecampaign, chatwoot
from orchestration.fetch.client import Api, FetchError
from orchestration.fetch.connections import Connected
from orchestration.fetch.landing import Pages
from orchestration.fetch.progress import ProgressFile, one_fetch
from orchestration.fetch.session import Session
from orchestration.settings import Settings


@dataclass(frozen=True)
class Fetched:
    """What a fetch put into landing: the number of records by entity, the files, and what is not given."""

    account_id: str
    records: dict[str, int]
    files: list[str]
    notes: list[str]


def fetch_account(settings: Settings, account: Connected, log: Callable[[str], None]) -> Fetched:
    """Fetch what is new of an account into landing.

    Raises `FetchError` where the API cannot be read to the end; what came before is in landing, and the next
    fetch continues there. Raises `SettingsError` where a secret or the folder is missing.
    """
    token = account.secret("token")
    with one_fetch(settings, account.account_id):
        session = Session(
            _api(account, token),
            Pages(settings, account.account_id),
            ProgressFile(settings, account.account_id),
            lambda text: log(f"{account.account_id}: {text}"),
        )
        try:
            {"chatwoot": chatwoot.fetch, "activecampaign": activecampaign.fetch}[account.platform](session)
        except FetchError as error:
            raise FetchError(f"{account.account_id}: {error}", error.status) from None
        return Fetched(account.account_id, dict(session.pages.records), session.pages.files, session.notes)


def _api(account: Connected, token: SecretStr) -> Api:
    connection = account.connection
    if account.platform == "chatwoot":
        return Api(f"{connection.url}/api/v1/accounts/{connection.api_account}", "api_access_token", token)
    return Api(connection.url, "Authorization", SecretStr(f"Token {token.get_secret_value()}"))
