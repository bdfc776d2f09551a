"""Where the records of a gateway lie, for the operator's commands: as its settings say, or as told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsError

from tumorcast_core.errors import InvalidInput, StoreUnavailable
from tumorcast_gateway.settings import Settings
from tumorcast_gateway.stores.database import parse_url, sqlite_file
from tumorcast_gateway.stores.keys import Secrets
from tumorcast_gateway.stores.sql_stores import MASTER_KEY, SqlStores, database_url, secrets_of


@dataclass(frozen=True, slots=True)
class StorePlace:
    """A database and its master keys; ``key_file`` is ``None`` where the keys are set instead of lying in a file."""

    url: str = field(repr=False)
    secrets: Secrets = field(repr=False)
    key_file: Path | None

    def open(self) -> SqlStores:
        """The database, to be entered."""
        return SqlStores(self.url, self.secrets)


def place_of(url: str = "", data_dir: Path | None = None, *, new: bool = False) -> StorePlace:
    """The place that the environment names; ``url`` and ``data_dir`` go before it. ``new``: it need not be there yet.

    Raises ``InvalidInput`` for settings that are off, and ``StoreUnavailable`` where there is no database.
    """
    told: dict[str, object] = {"database_url": SecretStr(url)} if url else {}
    told |= {"data_dir": data_dir} if data_dir else {}
    try:
        settings = Settings(**told)  # type: ignore[arg-type]
        found = database_url(settings)
        file = sqlite_file(parse_url(found))
        keys_are_set = bool(settings.master_key.get_secret_value())
        key_file = None if keys_are_set else settings.data_dir / MASTER_KEY
        if not new and ((file and not file.is_file()) or (key_file and not key_file.is_file())):
            raise StoreUnavailable("There is no database, or no master key, at that place.")
        return StorePlace(found, secrets_of(settings), key_file)
    except ValidationError as e:
        places = ", ".join(sorted({".".join(map(str, error["loc"])) or error["msg"] for error in e.errors()}))
        raise InvalidInput(f"The gateway's settings are off: {places}.") from None
    except (ValueError, SettingsError) as e:
        raise InvalidInput(f"The gateway's settings are off: {e}.") from None
