"""Open the database in which machines share a search. Its URL may hold a password, which no message shows."""

import time
import warnings

import optuna
from sqlalchemy import exc, make_url

HEARTBEAT_S = 10  # a trial that runs is noted as alive so often: our choice
GRACE_S = 60  # a trial that was silent for so long is tried again: a network may fail for less; our choice
CONNECT_S = 10  # a server that has not answered by then is not there: our choice
TRIES = 5  # several workers may make the tables at the same moment: all but one fail, and find them a second later
FORM = "STORAGE=postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"


def connect(url):
    """Connect to a database server, make Optuna's tables where they are missing; returns an optuna.storages.RDBStorage.

    Raises ValueError where `url` is none, names no server, or a server that cannot be used; it shows no password.
    """
    asked = _parse(url)
    for attempt in range(TRIES):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # heartbeats are, to Optuna
                return optuna.storages.RDBStorage(
                    asked.render_as_string(hide_password=False),
                    heartbeat_interval=HEARTBEAT_S,
                    grace_period=GRACE_S,
                    engine_kwargs={"pool_pre_ping": True, "connect_args": {"connect_timeout": CONNECT_S}},
                )
        except (ImportError, exc.NoSuchModuleError):
            raise ValueError(
                f"A database needs its driver; that of {asked.drivername} is not installed here. "
                f"PostgreSQL's is: {FORM}."
            ) from None
        except (exc.IntegrityError, exc.ProgrammingError, optuna.exceptions.StorageInternalError) as error:
            if attempt + 1 == TRIES:
                raise ValueError(explain(url, error)) from None
            time.sleep(1)
        except (exc.SQLAlchemyError, RuntimeError, TypeError) as error:
            raise ValueError(explain(url, error)) from None


def mask(url):
    """Write a database's URL without its password, and without its options, which may hold one too."""
    return make_url(url).set(query={}).render_as_string(hide_password=True)


def explain(url, error):
    """Say in one message, without the password, why a database cannot be used."""
    while error.__cause__ or getattr(error, "orig", None):  # Optuna's error wraps SQLAlchemy's, and that the driver's
        error = getattr(error, "orig", None) or error.__cause__
    found, asked = " ".join(str(error).split()) or type(error).__name__, make_url(url)
    for secret in (asked.password, asked.query.get("password")):
        found = found.replace(secret, "***") if secret else found
    return (
        f"A search is shared in a database that all its workers reach; {mask(url)} cannot be used: {found}. "
        "Check server, database, user and password; what was saved there stays."
    )


def _parse(url):
    try:
        asked = make_url(url)
        kind = asked.get_backend_name()
    except (exc.ArgumentError, ValueError):  # shown as it is, it might show a password
        kind, asked = None, None
    if kind is None or "@" in (asked.host or ""):
        raise ValueError(
            f"STORAGE is the URL of a database; what it holds is none (it is not shown: it may hold a password). "
            f"Write {FORM}; in a password, @ is %40, : is %3A and / is %2F."
        )
    if kind not in ("postgresql", "mysql", "mariadb"):
        why = (
            " A file takes one writer at a time, and other machines do not see it: leave STORAGE away, and one machine searches"
            " in a journal of its own."
            if kind == "sqlite"
            else ""
        )
        raise ValueError(f"A search is shared in a database on a server; STORAGE names {kind}.{why} Write {FORM}.")
    return asked
