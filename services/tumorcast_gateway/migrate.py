"""Bring the gateway's database to the schema of this code: ``python -m tumorcast_gateway.migrate``, in the chart's Job.

It does what ``tumorcast store migrate`` does, in the gateway's own image and with nothing but the database's URL:
``TUMORCAST_GATEWAY_DATABASE_URL``, or the file in ``…_FILE``. No master key is read.
"""

from __future__ import annotations

import asyncio
import sys

from pydantic import ValidationError
from pydantic_settings import SettingsError

from tumorcast_core.errors import StoreUnavailable
from tumorcast_gateway.settings import Settings
from tumorcast_gateway.stores import migration


def main() -> None:
    """Migrate, and say from what to what; the exit status is 1 where that failed."""
    try:
        url = Settings().database_url.get_secret_value()
        if not url:
            sys.exit("There is nothing to migrate: set TUMORCAST_GATEWAY_DATABASE_URL_FILE.")
        sys.stdout.write(f"{asyncio.run(migration(url))}\n")
    except ValidationError as e:
        settings = ", ".join(sorted({".".join(map(str, error["loc"])) or error["msg"] for error in e.errors()}))
        sys.exit(f"The gateway's settings are off: {settings}.")
    except (StoreUnavailable, SettingsError, ValueError) as e:
        sys.exit(f"The database was not migrated: {e}")


if __name__ == "__main__":
    main()
