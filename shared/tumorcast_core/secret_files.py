"""Settings from files, as Docker and Kubernetes hand out secrets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsError

MOUNTED = Path("/run/secrets")
_LARGEST = 64 << 10


class SecretFiles(PydanticBaseSettingsSource):
    """The text of the file that ``<PREFIX><NAME>_FILE`` names, or of ``/run/secrets/<prefix><name>``.

    A line break at its end is no part of it. Raises ``SettingsError`` where a value is given as itself and as a file,
    and where a file cannot be read; neither says what is in it.
    """

    def __init__(self, settings_cls: type[BaseSettings], mounted: Path = MOUNTED) -> None:
        super().__init__(settings_cls)
        self._prefix, self._mounted = str(self.config.get("env_prefix", "")), mounted
        self._environment = {name.upper(): value for name, value in os.environ.items()}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Value (``None``: no file says), name, and whether the text is JSON."""
        path = self._path(f"{self._prefix}{field_name}".upper(), field_name)
        return _text(path, field_name) if path else None, field_name, self.field_is_complex(field)

    def __call__(self) -> dict[str, Any]:
        """All values that files give."""
        found = {}
        for name, field in self.settings_cls.model_fields.items():
            text, _, is_json = self.get_field_value(field, name)
            if text is not None:
                found[name] = self.prepare_field_value(name, field, text, is_json)
        return found

    def _path(self, variable: str, field_name: str) -> Path | None:
        """The file of a field; ``<NAME>_FILE`` may be a setting of its own, which names no value of another."""
        own = f"{field_name}_file" in self.settings_cls.model_fields
        named = "" if own else self._environment.get(f"{variable}_FILE", "")
        if named:
            if variable in self._environment:
                raise SettingsError(f"{variable} and {variable}_FILE exclude each other")
            return Path(named)
        mounted = self._mounted / variable.lower()
        return mounted if mounted.is_file() and variable not in self._environment else None


def _text(path: Path, field_name: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise SettingsError(f"the file for {field_name} is larger than {_LARGEST >> 10} KiB")
        return data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as e:
        raise SettingsError(f"the file for {field_name} cannot be read") from e
