"""The secret of a Ray that is started here: who lacks it can run nothing in a search."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from automtl.errors import DispatchError

MODE = "RAY_AUTH_MODE"
GIVEN = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
"""Where Ray looks for a secret before it looks into the home."""


def check_auth() -> None:
    """Refuse to start a Ray that answers everybody.

    Raises:
        DispatchError: If the environment turns Ray's tokens off.
    """
    mode = os.environ.get(MODE, "token")  # noqa: TID251 - Ray's own, which it would obey
    if mode.lower() != "token":
        msg = f"{MODE}={mode} lets every user of this machine run programs in the search's Ray"
        fix = f"Unset {MODE}, or start a cluster of your own and name it with --ray-address"
        raise DispatchError(msg, where="the environment", fix=fix)


def keep_token() -> None:
    """Make the secret where there is none yet, readable by its owner alone from its first moment.

    Ray would write it with the usual mask, readable for everybody until somebody changes that.

    Raises:
        OSError: If the home cannot be written to.
    """
    if any(name in os.environ for name in GIVEN):  # noqa: TID251 - Ray's own, read before the file
        return
    path = Path.home() / ".ray" / "auth_token"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".auth_token.") as made:
            made.write(secrets.token_hex(32))
            made.flush()
            # Whole and for the first who comes: another search may be starting.
            try:
                os.link(made.name, path)
            except FileExistsError:
                pass
            except OSError:  # A home on a file system without hard links.
                _write_new(path, Path(made.name).read_text(encoding="utf-8"))
    path.chmod(0o600)


def _write_new(path: Path, text: str) -> None:
    with contextlib.suppress(FileExistsError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
