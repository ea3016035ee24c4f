"""Structural checks: what must hold of every instance, whoever made it."""

from collections.abc import Iterator

from entropyjax.iwg.checkpoint import PREDICATES, hidden, matches
from entropyjax.iwg.errors import WorkflowError
from entropyjax.iwg.instance import Checkpoint, Instance, TaskMark
from entropyjax.iwg.text import phrase


def findings(instance: Instance) -> tuple[str, ...]:
    """Return what is wrong with an instance, a sentence each; nothing if it can be used.

    Names fit together; the plan is acyclic and in an order in which it can be done; every checkpoint can be decided and
    reached; no output holds the value of a mark that is not before it; the answer is found in the environment.
    """
    names = (*_plan_names(instance), *_stage_names(instance))
    # What follows looks things up by these names.
    return names or (*_order(instance), *_checkpoints(instance), *_leaks(instance), *_answer(instance))


def plan_findings(instance: Instance) -> tuple[str, ...]:
    """Return what is wrong with an instance's plan, before anything is built on it."""
    return tuple(_plan_names(instance)) or tuple(_order(instance))


def check(instance: Instance) -> Instance:
    """Return the instance; raise `WorkflowError` with the first finding if there is any."""
    for finding in findings(instance):
        raise WorkflowError(f"The instance {instance.id} cannot be used: {finding}")
    return instance


def _plan_names(instance: Instance) -> Iterator[str]:
    if not instance.marks:
        yield "It has no marks."
    yield from _twice("executor", [one.name for one in instance.executors])
    yield from _twice("mark", [one.id for one in instance.marks])
    for mark in instance.marks:
        if mark.executor not in instance.roster:
            yield f"The mark '{mark.id}' needs the executor '{mark.executor}', who is not on the roster."
        elif mark.capability not in instance.roster[mark.executor].capabilities:
            yield f"The executor '{mark.executor}' lacks the capability '{mark.capability}' that '{mark.id}' needs."
        for other in mark.dependencies:
            if other not in instance.mark:
                yield f"The mark '{mark.id}' depends on '{other}', which is no mark."


def _stage_names(instance: Instance) -> Iterator[str]:
    yield from _twice("exception of the mark", [one.mark for one in instance.exceptions])
    if [one.mark for one in instance.stages] != [one.id for one in instance.marks]:
        yield "Its stages are not those of its marks, in the same order."
    for scenario in instance.exceptions:
        if scenario.mark not in instance.mark:
            yield f"An exception belongs to '{scenario.mark}', which is no mark."
        elif scenario.strategy == "switch" and scenario.backup not in instance.roster:
            yield f"The exception of '{scenario.mark}' needs the backup '{scenario.backup}', who is not on the roster."


def _twice(what: str, names: list[str]) -> Iterator[str]:
    for name in sorted({one for one in names if names.count(one) > 1} if len(set(names)) < len(names) else ()):
        yield f"The {what} '{name}' is there twice."


def _order(instance: Instance) -> Iterator[str]:
    place = {one.id: number for number, one in enumerate(instance.marks)}
    left, done = list(instance.marks), set[str]()
    while ready := [one for one in left if done.issuperset(one.dependencies)]:
        done.update(one.id for one in ready)
        left = [one for one in left if one.id not in done]
    if left:
        yield f"Its marks depend on each other in a circle, among them '{left[0].id}'."
    elif any(place[other] > place[one.id] for one in instance.marks for other in one.dependencies):
        yield "Its marks are not in an order in which they can be done."


def _checkpoints(instance: Instance) -> Iterator[str]:
    for stage in instance.stages:
        if not phrase(stage.checkpoint.value).strip():
            yield f"The checkpoint of '{stage.mark}' has no word that could be found."
        elif stage.checkpoint.kind == "predicate" and stage.checkpoint.predicate not in PREDICATES:
            yield f"The checkpoint of '{stage.mark}' asks for the unknown predicate '{stage.checkpoint.predicate}'."
        elif not _decides(stage.checkpoint):
            yield f"The checkpoint of '{stage.mark}' does not hold for its own value '{stage.checkpoint.value}'."
        elif hidden(stage.checkpoint).lower() not in stage.output.lower():
            yield f"The output of '{stage.mark}' does not hold its value '{hidden(stage.checkpoint)}'."
    for scenario in instance.exceptions:
        if scenario.strategy in ("abort", "other"):
            yield f"The mark '{scenario.mark}' cannot be reached: its exception is never mended."


def _decides(checkpoint: Checkpoint) -> bool:
    try:
        return matches(checkpoint, hidden(checkpoint)) and not matches(checkpoint, "")
    except WorkflowError:
        return False


def _leaks(instance: Instance) -> Iterator[str]:
    """A value may stand in the texts of marks behind its own, nowhere else."""
    values = [(stage.mark, phrase(hidden(stage.checkpoint))) for stage in instance.stages]
    query = phrase(instance.seed.query)
    for mark, value in values:
        if value in query:
            yield f"The query gives away the value of '{mark}'."
    before = _before(instance.marks)
    for stage in instance.stages:
        prompt, output = phrase(stage.prompt), phrase(stage.output)
        for mark, value in values:
            if mark not in before[stage.mark] and (value in prompt or (mark != stage.mark and value in output)):
                yield f"The stage of '{stage.mark}' gives away the value of '{mark}'."
    for number, text in enumerate([*(one.output for one in instance.exceptions), *instance.distractors]):
        said = phrase(text)
        for mark, value in values:
            if value in said:
                what = "An exception" if number < len(instance.exceptions) else "A distractor"
                yield f"{what} gives away the value of '{mark}'."


def _before(marks: tuple[TaskMark, ...]) -> dict[str, set[str]]:
    """Return the marks that must be reached before each."""
    out: dict[str, set[str]] = {}
    for mark in marks:
        out[mark.id] = set(mark.dependencies).union(*(out.get(one, ()) for one in mark.dependencies))
    return out


def _answer(instance: Instance) -> Iterator[str]:
    answer = instance.seed.answer
    if not answer.strip():
        yield "Its seed has no answer."
    elif not any(answer.lower() in one.output.lower() for one in instance.stages):
        yield f"The answer '{answer[:60]}' stands in none of its outputs."
