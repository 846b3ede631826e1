"""Code of the user's own, named by import path: whatever it raises is one line that names it."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from automtl.errors import AutomtlError, closest


def imported(path: str, *, what: str, where: str, form: str = "package.module:factory") -> Any:
    """Return what ``package.module:name`` names.

    Args:
        path: The import path. Importing runs code of that module.
        what: What it is to be, for messages: ``task``, ``backbone``, ``weighting``.
        where: Key of the configuration that names it.
        form: What a path looks like, for messages.

    Raises:
        AutomtlError: Whatever the import raises, with the kind and the text of the error.
    """
    module_name, _, name = path.partition(":")
    try:
        module = import_module(module_name)
    except (Exception, SystemExit) as error:  # a module of the user's may raise anything
        msg = f"the {what} {path!r} cannot be imported ({said(error)})"
        fix = _way_out(error, module_name, form)
        raise AutomtlError(msg, where=where, fix=fix) from error
    if not hasattr(module, name):
        near = closest(name, dir(module))
        msg = f"the {what} {path!r} cannot be imported (the module has no {name!r})"
        fix = f"Did you mean {near!r}?" if near else f"Write {form}"
        raise AutomtlError(msg, where=where, fix=fix)
    return getattr(module, name)


@contextmanager
def blamed(what: str, *, where: str, fix: str) -> Iterator[None]:
    """Turn whatever the block raises into one line.

    Args:
        what: What does not work, with its import path.
        where: Key of the configuration that names it.
        fix: What to do.

    Raises:
        AutomtlError: With the kind and the text of the error; one that is such an error already
            goes on as it is.
    """
    try:
        yield
    except AutomtlError:
        raise
    except (Exception, SystemExit) as error:  # code of the user's may raise anything
        msg = f"{what} ({said(error)})"
        raise AutomtlError(msg, where=where, fix=fix) from error


def said(error: BaseException) -> str:
    """Return the kind and the text of an error.

    >>> said(ValueError("no such mode")), said(KeyError())
    ('ValueError: no such mode', 'KeyError')
    """
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def _way_out(error: BaseException, module: str, form: str) -> str:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing is not None and (module + ".").startswith(missing + "."):
        return f"Write {form}, and install the package or set PYTHONPATH"
    if missing is not None:
        return f"Install {missing!r}, which the module needs"
    return f"Mend the module; `python -c 'import {module}'` shows where it fails"
