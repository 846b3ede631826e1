"""Names of classes, where a file beside the labels tells them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from automtl.discovery.walk import Tree
from automtl.errors import RecipeError
from automtl.space.yaml_lines import read_yaml

LISTS = ("classes.txt", "obj.names", "labels.txt", "names.txt")
KEYS = ("names", "classes")
MAX_BYTES = 1 << 20
NOT_LABELLED = ("unlabeled", "unlabelled", "ignore", "ignored", "void", "unknown")

MOT = {
    1: "pedestrian",
    2: "person_on_vehicle",
    3: "car",
    4: "bicycle",
    5: "motorbike",
    6: "non_motorized_vehicle",
    7: "static_person",
    8: "distractor",
    9: "occluder",
    10: "occluder_on_ground",
    11: "occluder_full",
    12: "reflection",
}
"""Classes of the MOTChallenge's data sets, as their papers number them (Milan et al. 2016)."""


def names_near(tree: Tree, path: str) -> Mapping[int, str]:
    """Return the names by id that the nearest file above a folder tells; empty if none does."""
    for folder in [path, *map(str, PurePosixPath(path).parents)]:
        for name in tree.others.get(folder, ()):
            file = tree.root / folder / name
            found = _read(file)
            if found:
                return found
    return {}


def completed(ids: Iterable[int], names: Mapping[int, str]) -> dict[int, str]:
    """Return a name for each id: those that are known, and ``class_ID``."""
    return {id_: names.get(id_, f"class_{id_}") for id_ in sorted(set(ids))}


def _read(file: Path) -> Mapping[int, str]:
    if file.stat().st_size > MAX_BYTES:
        return {}
    if file.name.lower() in LISTS:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        return _listed([line.strip() for line in lines if line.strip()])
    if file.suffix.lower() in (".yaml", ".yml"):
        return next(_in_yaml(file), {})
    return {}


def _listed(lines: Sequence[str]) -> Mapping[int, str]:
    """Read a name on each line, with its number before it or none.

    >>> _listed(["1 car", "3 person"]), _listed(["car", "traffic light"])
    ({1: 'car', 3: 'person'}, {0: 'car', 1: 'traffic light'})
    """
    matches = [re.fullmatch(r"(\d+)[\s:,=]+(\S.*)", line) for line in lines]
    numbered = {int(match.group(1)): match.group(2) for match in matches if match is not None}
    return numbered if len(numbered) == len(lines) else dict(enumerate(lines))


def _in_yaml(file: Path) -> Iterator[Mapping[int, str]]:
    try:
        document = read_yaml(file).value
    except RecipeError:
        return  # Another program's file, in another YAML than ours: it tells no names here.
    for key in KEYS if isinstance(document, Mapping) else ():
        listed = document.get(key)
        if isinstance(listed, list) and listed:
            yield dict(enumerate(map(str, listed)))
        elif isinstance(listed, Mapping) and listed and all(isinstance(k, int) for k in listed):
            yield {int(k): str(v) for k, v in listed.items()}
