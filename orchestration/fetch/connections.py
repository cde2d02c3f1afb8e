"""Connections to the accounts: `connections.toml`, with addresses and references to secrets.

Belongs here: the keys of the file, their validation, and reading a secret from the environment or a file.
Does not: any request.
"""

import ipaddress
import os
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from orchestration.ingest.seeds import read_seeds
from orchestration.settings import Settings, SettingsError

FETCHED = ("chatwoot", "activecampaign")  # platforms with an API of past conversations
RECEIVED = ("chatwoot", "whatsapp_cloud")  # platforms with webhooks that ingest reads
MIN_PATH_SECRET_LENGTH = 16


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Secret(_Section):
    """A reference to a secret: the name of an environment variable, or the path of a file."""

    env: str | None = Field(None, min_length=1)
    file: Path | None = None

    @model_validator(mode="after")
    def _one_reference(self) -> "Secret":
        if (self.env is None) == (self.file is None):
            raise ValueError("expected either an environment variable, { env = … }, or a file, { file = … }")
        return self

    def read(self, folder: Path) -> SecretStr:
        """Return the secret. The path of a file is relative to `folder`.

        Raises `SettingsError` with the variable or file if it is missing or empty.
        """
        if self.env is not None:
            value = os.environ.get(self.env)
            source = f"the environment variable {self.env}"
        else:
            path = folder / self.file.expanduser()
            source = f"the file {path}"
            try:
                value = path.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(f"{source} cannot be read ({type(error).__name__})") from None
        if not value:
            raise SettingsError(f"{source} is not set or empty")
        if not value.isascii() or not value.isprintable():
            raise SettingsError(f"{source} is not one line of printable ASCII")
        return SecretStr(value)


class Webhooks(_Section):
    """The secrets that authenticate webhooks.

    - `secret`: key of the signature (WhatsApp Cloud: the app secret; Chatwoot: the webhook's secret)
    - `verify_token`: text that Meta sends when you subscribe
    - `path_secret`: end of the address, for a Chatwoot that does not sign
    """

    secret: Secret | None = None
    verify_token: Secret | None = None
    path_secret: Secret | None = None


class Connection(_Section):
    """The section of one account. `url` is the base address of the platform's API."""

    url: str | None = None
    api_account: int | None = Field(None, ge=1)
    token: Secret | None = None
    webhooks: Webhooks | None = None

    @field_validator("url")
    @classmethod
    def _safe_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            raise ValueError("expected an address such as https://app.chatwoot.com") from None
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError("expected an address such as https://app.chatwoot.com")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("the address must not contain a user, password, query or fragment")
        if parts.scheme == "http" and not _is_private(host):
            raise ValueError("expected https: over http the token is sent unencrypted")
        return url.rstrip("/")


class ConnectedAccount:
    """An account with its platform and its section of the file."""

    def __init__(self, account_id: str, platform: str, connection: Connection, file: Path) -> None:
        self.account_id = account_id
        self.platform = platform
        self.connection = connection
        self._file = file

    @property
    def fetches(self) -> bool:
        """Whether the section has an API to fetch from."""
        return self.connection.url is not None

    @property
    def receives(self) -> bool:
        """Whether the section accepts webhooks."""
        return self.connection.webhooks is not None

    def secret(self, name: str) -> SecretStr | None:
        """Return the secret of a key such as `token` or `webhooks.secret`, or None without the key.

        Raises `SettingsError` with the file, account and key, but not the value.
        """
        value: object = self.connection
        for step in name.split("."):
            value = getattr(value, step, None)
        if value is None:
            return None
        try:
            return value.read(self._file.parent)
        except SettingsError as error:
            raise SettingsError(f"{self._file}: [{self.account_id}] {name}: {error}") from None


def load_connections(settings: Settings) -> dict[str, ConnectedAccount]:
    """Return the connected accounts by id, or none without a file.

    Raises `SettingsError` with every invalid account and key, and what is expected.
    """
    file = settings.connections_path
    if not file.exists():
        return {}
    try:
        sections = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file}: it is not valid TOML ({error})") from None
    accounts = read_seeds(settings.seeds).accounts
    connected, problems = {}, []
    for account_id, section in sections.items():
        if account_id not in accounts:
            known = ", ".join(accounts) or "none"
            problems.append(
                f"{file}: [{account_id}]: no account of accounts.csv (known: {known}); add it there"
            )
            continue
        platform = accounts[account_id].platform.name
        try:
            connection = Connection.model_validate(section)
        except ValidationError as error:
            problems += [f"{file}: [{account_id}] {_problem(problem)}" for problem in error.errors()]
            continue
        problems += [f"{file}: [{account_id}] {problem}" for problem in _incomplete(platform, connection)]
        connected[account_id] = ConnectedAccount(account_id, platform, connection, file)
    if problems:
        raise SettingsError("\n".join(problems))
    return connected


def connected_accounts(settings: Settings, chosen: list[str] | None = None) -> list[ConnectedAccount]:
    """Return the accounts that can be fetched, or the `chosen` ones.

    Raises `SettingsError` for an invalid connection, and for a chosen account without one.
    """
    fetched = {name: one for name, one in load_connections(settings).items() if one.fetches}
    for account_id in chosen or ():
        if account_id not in fetched:
            known = ", ".join(fetched) or "none"
            raise SettingsError(
                f"account {account_id} has no url in {settings.connections_path}; accounts with one:"
                f" {known}; see docs/getting-exports.md"
            )
    return [fetched[name] for name in chosen or fetched]


def _incomplete(platform: str, connection: Connection) -> list[str]:
    """Return a message for each missing or unusable key of a section on this platform."""
    problems = []
    if connection.url is not None:
        if platform not in FETCHED:
            problems.append(f"url: {platform} has no API of past conversations; receive its webhooks instead")
        if connection.token is None:
            problems.append("token: missing; write token = { env = … } or token = { file = … }")
        if platform == "chatwoot" and connection.api_account is None:
            problems.append(
                "api_account: missing; write the number after /accounts/ in Chatwoot's address bar"
            )
    if connection.url is None and connection.token is not None:
        problems.append("url: missing; write the base address of the API")
    if connection.webhooks is not None:
        webhooks = connection.webhooks
        if platform not in RECEIVED:
            problems.append(f"webhooks: those of {platform} cannot be received")
        elif platform == "whatsapp_cloud" and (webhooks.secret is None or webhooks.verify_token is None):
            problems.append("webhooks: secret (the app secret) and verify_token are both required")
        elif webhooks.secret is None and webhooks.path_secret is None:
            problems.append("webhooks: secret is missing; or path_secret, for a Chatwoot that does not sign")
        if platform == "whatsapp_cloud" and webhooks.path_secret is not None:
            problems.append("webhooks: path_secret is for Chatwoot only; Meta signs every webhook")
    return problems


def _problem(problem: dict) -> str:
    key = ".".join(str(step) for step in problem["loc"])
    if problem["type"] == "model_type":
        return f"{key}: expected {{ env = … }} or {{ file = … }}; a secret itself must not be in this file"
    if problem["type"] == "extra_forbidden":
        return (
            f"{key}: unknown key; known keys are {', '.join(Connection.model_fields)} and those of webhooks"
        )
    return f"{key}: {problem['msg'].removeprefix('Value error, ')}"


def _is_private(host: str) -> bool:
    """Return whether a host is local, in a private network, or a name without a domain."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host
