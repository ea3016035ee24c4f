"""The scout's procedural engine: inverse planning from an answer, over facts, back to what the query says."""

from collections.abc import Mapping

from entropyjax.iwg.errors import WorkflowError
from entropyjax.iwg.instance import Executor, Fact, Seed, TaskMark
from entropyjax.iwg.text import says


def scout(seed: Seed, holders: Mapping[str, Executor], extensions: tuple[Fact, ...] = ()) -> tuple[TaskMark, ...]:
    """Plan backwards: which fact gives the answer, which facts give its inputs, and so on to the query.

    **Arguments:**

    - `seed`: with the facts that lead to the answer.
    - `holders`: the executor of each relation.
    - `extensions`: facts beyond the answer, to be looked up after it.

    **Returns:** the marks `m1`, `m2`, ... in an order in which they can be done; facts that do not lead to the answer
    give none.

    **Raises:** `WorkflowError` for a seed without an answer, an answer that no fact gives, facts that go round in a
    circle, an input that neither the query nor a fact gives, a relation that no executor knows.
    """
    facts = plan(seed, extensions)
    ids = {fact.value: f"m{number}" for number, fact in enumerate(facts, 1)}
    return tuple(_mark(fact, ids, holders, fact in extensions) for fact in facts)


def plan(seed: Seed, extensions: tuple[Fact, ...] = ()) -> list[Fact]:
    """Return the facts that lead to the answer, each behind those that give its inputs, and then the extensions."""
    if not seed.answer.strip():
        raise WorkflowError(f"The seed '{seed.query[:60]}' has no answer to plan backwards from; add it.")
    known = {fact.value: fact for fact in (*seed.facts, *extensions)}
    if seed.answer not in known:
        raise WorkflowError(f"No fact of the seed gives its answer '{seed.answer}'; add it, or plan with a chat model.")
    order: list[Fact] = []
    open_: set[str] = set()
    todo = [(value, False) for value in reversed((seed.answer, *(one.value for one in extensions)))]
    while todo:
        value, inputs_done = todo.pop()
        fact = known[value]
        if inputs_done:
            open_.discard(value)
            order.append(fact)
        elif fact not in order:
            if value in open_:
                raise WorkflowError(f"The facts of the seed go round in a circle at '{value}'; remove one of them.")
            open_.add(value)
            todo.append((value, True))
            todo += [(one, False) for one in reversed(fact.inputs) if _given(one, fact, known, seed.query)]
    return order


def _given(value: str, fact: Fact, known: Mapping[str, Fact], query: str) -> bool:
    """Return whether a fact gives the input; else the query must."""
    if value in known:
        return True
    if not says(query, value):
        raise WorkflowError(
            f"The fact '{fact.relation}' needs '{value}', which neither the query nor another fact gives; add a fact."
        )
    return False


def _mark(fact: Fact, ids: Mapping[str, str], holders: Mapping[str, Executor], extension: bool) -> TaskMark:
    holder = holders.get(fact.relation)
    if holder is None:
        raise WorkflowError(f"No executor on the roster knows '{fact.relation}'; add one.")
    of = " and ".join(f"the result of {ids[one]}" if one in ids else one for one in fact.inputs)
    return TaskMark(
        id=ids[fact.value],
        description=f"Find the {fact.relation} of {of}.",
        executor=holder.name,
        capability=holder.capabilities[0],
        dependencies=tuple(dict.fromkeys(ids[one] for one in fact.inputs if one in ids)),
        hint=f"the {fact.relation} is named",
        extension=extension,
    )
