"""Lists that a sender flattened into numbered attributes, and back.

gen_ai.prompt.0.role = "user", gen_ai.prompt.0.content = "Hi"   <->   [{"role": "user", "content": "Hi"}]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SEGMENT_LIMIT = 24
"""Names in one flattened key; deeper keys are left alone."""

Tree = dict[str, "object"]


def gather(attributes: Mapping[str, object], prefix: str) -> dict[str, object]:
    """Return the attributes under `prefix.`, by the rest of their names."""
    start = f"{prefix}."
    return {key[len(start) :]: value for key, value in attributes.items() if key.startswith(start)}


def unflatten(flat: Mapping[str, object]) -> object:
    """Return the list or object that the keys describe, or None if they contradict one another or are too deep."""
    tree: Tree = {}
    for key, value in flat.items():
        names = key.split(".")
        if len(names) > SEGMENT_LIMIT or not _plant(tree, names, value):
            return None
    return _as_lists(tree)


def flatten(value: object) -> dict[str, object]:
    """Return the keys and leaves of a nested value; the inverse of `unflatten`."""
    return dict(_walk(value, ""))


def _plant(tree: Tree, names: list[str], value: object) -> bool:
    for name in names[:-1]:
        branch = tree.setdefault(name, {})
        if not isinstance(branch, dict):
            return False
        tree = branch
    if names[-1] in tree:
        return False
    tree[names[-1]] = value
    return True


def _as_lists(node: object) -> object:
    """Turn objects whose names are 0, 1, 2, ... into lists, inside out. Depth is bounded by `SEGMENT_LIMIT`."""
    if not isinstance(node, dict):
        return node
    children = {name: _as_lists(child) for name, child in node.items()}
    positions = [str(position) for position in range(len(children))]
    if children and set(children) == set(positions):
        return [children[position] for position in positions]
    return children


def _walk(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value:
        items = [(str(name), child) for name, child in value.items()]
    elif isinstance(value, list) and value:
        items = [(str(position), child) for position, child in enumerate(value)]
    else:
        yield path, value
        return
    for name, child in items:
        yield from _walk(child, f"{path}.{name}" if path else name)
