"""MLflow's tables and those of its users, in one PostgreSQL database: `upgrade` makes them or brings them to the schema
of the installed MLflow; `wait` ends when they have it. Both take the database from MLFLOW_BACKEND_STORE_URI; `wait`
first writes the file that MLFLOW_AUTH_CONFIG_PATH names, by which the server finds its users there."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from mlflow.store.db import utils as tables
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

PATIENCE_S = 1800
PAUSE_S = 2
UPGRADE_LOCK = {"number": 7_203_114_905}  # any that nobody else takes in this database
SETTINGS = """[mlflow]
default_permission = READ
database_uri = {uri}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""


def upgrade(uri: str) -> None:
    engine = tables.create_sqlalchemy_engine_with_retry(uri)
    with alone(engine):
        # Users come second: with their tables alone, the database would not look empty.
        if tables._is_empty_database(engine):
            tables._initialize_tables(engine)
        else:
            tables._upgrade_db(engine)
        _users().migrate_if_needed(engine, "head")
    engine.dispose()


@contextmanager
def alone(engine: Engine) -> Iterator[None]:
    """Of all who upgrade this database, as one whose starter was killed may still be at it. PostgreSQL itself lets go
    of what is held by one who is gone."""
    # Of a transaction, not of a session: poolers between here and the database tell no sessions apart.
    with engine.begin() as connection:
        if not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:number)"), UPGRADE_LOCK):
            print("waiting: another upgrade of this database is at work", flush=True)
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), UPGRADE_LOCK)
        yield


def wait(uri: str) -> None:
    """Raises TimeoutError."""
    engine, deadline = create_engine(uri), time.monotonic() + PATIENCE_S
    while (lacking := _lacking(engine)) and time.monotonic() < deadline:
        print(f"waiting: {lacking}", flush=True)
        time.sleep(PAUSE_S)
    engine.dispose()
    if lacking:
        raise TimeoutError(f"{lacking}; see the log of the job mlflow-migrate")


def _lacking(engine: Any) -> str:
    """What keeps the server from starting; empty if nothing. Never with the address, which holds a password."""
    heads = (
        ("tables", "alembic_version", tables._get_alembic_config(db_url="")),
        ("users", "alembic_version_auth", _users()._get_alembic_config("")),
    )
    try:
        with engine.connect() as connection:
            for what, version_table, config in heads:
                found = MigrationContext.configure(connection, opts={"version_table": version_table})
                head = ScriptDirectory.from_config(config).get_current_head()
                if (current := found.get_current_revision()) != head:
                    return f"the schema of MLflow's {what} is {current or 'not there'}, it must be {head}"
    except OperationalError as error:
        return f"the database does not answer ({type(error.orig).__name__})"
    return ""


def _users() -> Any:
    """Imported late: it reads the file that MLFLOW_AUTH_CONFIG_PATH names."""
    return importlib.import_module("mlflow.server.auth.db.utils")


def write_auth_settings(uri: str, path: Path) -> None:
    """Readable by its owner alone, from the moment that it is there."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(SETTINGS.format(uri=uri.replace("%", "%%")))
    partial.rename(path)


def main() -> None:
    uri = os.environ["MLFLOW_BACKEND_STORE_URI"]
    if sys.argv[1:] == ["upgrade"]:
        upgrade(uri)
    elif sys.argv[1:] == ["wait"]:
        write_auth_settings(uri, Path(os.environ["MLFLOW_AUTH_CONFIG_PATH"]))
        wait(uri)
    else:
        sys.exit("usage: mlflow_schema.py upgrade | wait")


if __name__ == "__main__":
    main()
