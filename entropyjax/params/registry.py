"""Registries: things that configurations call by name, one file each, found without a list of files."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from entropyjax.params.names import nearest

T = TypeVar("T")
C = TypeVar("C", bound=type)


class UnknownNameError(ValueError):
    """A name that is not registered; the message gives the closest one."""


class Registry(Generic[T]):
    """Classes registered by name from the modules of one package.

    **Attributes:**

    - `kind`: what is registered, as it stands in messages ("model", "method").
    - `package`: dotted name of the package whose modules register themselves when imported.
    """

    def __init__(self, kind: str, package: str):
        self.kind = kind
        self.package = package
        self._items: dict[str, Any] = {}

    def register(self, name: str) -> Callable[[C], C]:
        """Return a decorator that registers a class under `name`."""

        def add(cls: C) -> C:
            taken = self._items.get(name)
            # The same definition may run twice, as a cell of a notebook does.
            if taken is not None and taken.__qualname__ != cls.__qualname__:
                raise ValueError(f"The {self.kind} name '{name}' is taken by {taken.__qualname__}; choose another.")
            self._items[name] = cls
            return cls

        return add

    def names(self) -> list[str]:
        """Return every registered name, sorted."""
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self.package}.{module.name}")
        return sorted(self._items)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def get(self, name: str) -> type[T]:
        """Return the class registered under `name`.

        **Raises:** `UnknownNameError` naming the closest valid name.
        """
        known = self.names()
        if name not in known:
            raise UnknownNameError(f"'{name}' is not a {self.kind}; {nearest(name, known)}")
        return self._items[name]

    def name_of(self, item: T) -> str:
        """Return the name under which the class of `item` is registered.

        **Raises:** `UnknownNameError` if it is not.
        """
        for name in self.names():
            if self._items[name] is type(item):
                return name
        raise UnknownNameError(
            f'{type(item).__name__} is not a registered {self.kind}; put @register("name") above its class.'
        )
