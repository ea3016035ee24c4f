"""What the beginning of a file of JSON tells of its first record."""

import re

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)("|$)|[{}\[\]:]', re.DOTALL)


def first_fields(head: str) -> frozenset[str]:
    """Return the names of the fields of the first object in `head`, its own and not those of objects inside.

    The head may end anywhere, also inside of a text; the object may be the first of a list.
    """
    found: set[str] = set()
    depth, inside, last = 0, 0, ""
    for token in _TOKEN.finditer(head):
        sign = token[0]
        if sign in ("{", "["):
            depth += 1
            inside = inside or (depth if sign == "{" else 0)
        elif sign in ("}", "]"):
            depth -= 1
            if depth < inside:
                break
        elif sign == ":":
            found |= {last} if depth == inside else set()
        else:
            last = token[1]
    return frozenset(found)
