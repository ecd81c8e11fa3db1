"""PostgreSQL as Debian's package, or its like, brings it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from components.base.errors import TextgateError
from infra.local.process import is_zombie, run_whole

USER = "mlflow"
DATA, SECRET = "data", "password"


def programs() -> Path | None:
    """The folder of initdb and postgres; Debian has it for each version."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=_number, default=None)


def _number(folder: Path) -> float:
    return float(folder.parent.name)


def who() -> dict[str, Any]:
    """PostgreSQL does not run as root: then somebody else runs it. For subprocess."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in names else "nobody"
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def make(bin_folder: Path, folder: Path, password: str) -> None:
    """An empty cluster in folder/data, which is whole or not there. `folder` is given to who runs it.

    Raises TextgateError where that user may not enter it.
    """
    account, partial = who(), f"{DATA}.partial"
    folder.mkdir(parents=True, exist_ok=True)
    if account:
        shutil.chown(folder, account["user"], account["group"])
        if subprocess.run(["test", "-x", str(folder)], check=False, **account).returncode:
            raise TextgateError(
                f"PostgreSQL does not run as root, and {account['user']} may not enter {folder}; name a folder whose"
                " parents all may enter, or run this as another user"
            )
    shutil.rmtree(folder / partial, ignore_errors=True)
    secret = folder / SECRET
    with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(password)
    if account:
        shutil.chown(secret, account["user"], account["group"])
    initdb = [str(bin_folder / "initdb"), "-D", partial, "-U", USER, "-A", "scram-sha-256", "--pwfile", SECRET]
    initdb += ["-E", "UTF8", "--locale=C", "--no-sync"]
    try:
        status, said = run_whole(initdb, folder, account)
    finally:
        secret.unlink()
    if status:
        raise TextgateError(f"initdb could not make a database in {folder}: {said}")
    (folder / partial).rename(folder / DATA)


def remove_mark_of_zombie(folder: Path) -> None:
    """PostgreSQL itself removes the mark of one that was killed, unless its number is that of a zombie still."""
    mark = folder / DATA / "postmaster.pid"
    if mark.exists() and is_zombie(int(mark.read_text().split()[0])):
        mark.unlink()


def command(bin_folder: Path, folder: Path, port: int, *options: str) -> list[str]:
    """It is run in `folder`. SIGINT ends it properly without waiting for those who are connected."""
    start = [str(bin_folder / "postgres"), "-D", DATA, "-p", str(port), "-k", ""]
    return [*start, "-c", "listen_addresses=127.0.0.1", *(part for option in options for part in ("-c", option))]


def uri(port: int, password: str, database: str) -> str:
    return f"postgresql+psycopg2://{USER}:{quote_plus(password)}@127.0.0.1:{port}/{database}"


def is_ready(port: int, password: str) -> bool:
    import psycopg2

    try:
        psycopg2.connect(host="127.0.0.1", port=port, user=USER, password=password, dbname="postgres").close()
    except psycopg2.OperationalError:
        return False
    return True


def ensure_database(port: int, password: str, name: str) -> None:
    import psycopg2
    from psycopg2 import sql

    link = psycopg2.connect(host="127.0.0.1", port=port, user=USER, password=password, dbname="postgres")
    try:
        link.autocommit = True
        with link.cursor() as cursor:
            cursor.execute("select 1 from pg_database where datname = %s", (name,))
            if not cursor.fetchone():
                cursor.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    finally:
        link.close()
