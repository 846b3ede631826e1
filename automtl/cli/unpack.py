"""`unpack`: an archive of frames and labels becomes a folder."""

import shlex
from pathlib import Path

from automtl.cli.terminal import OK, make_console, say
from automtl.data.archives import Limits, unpack
from automtl.study.disk import size


def unpack_archive(archive: Path, folder: Path, *, max_gb: float) -> int:
    """Unpack a zip, tar or tar.gz file within limits, and say what came out."""
    done = unpack(archive, folder, limits=Limits(n_bytes=int(max_gb * 10**9)))
    console = make_console()
    say(console, f"{done.n_files} files, {size(done.n_bytes)}: {done.folder}")
    say(console, f"As the root of a recipe's paths: --data {shlex.quote(str(done.folder))}")
    return OK
