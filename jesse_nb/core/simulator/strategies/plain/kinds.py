"""Which names hold numbers, and which hold lists and dictionaries that the strategy has made itself.

``x += y`` changes a list or an array in place, whoever else holds it, and a number never. So each binding of a name is
looked at: only if all of them are numbers it holds a number, wherever it is read.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable

from jesse_nb.core.simulator.strategies.plain.words import SCALAR_READ, names_of_jesse

__all__ = ["Kinds", "Place", "place_of"]

#: A local name with its function, or an attribute of ``self`` with an empty one.
Place = tuple[str, str]

_NUMBERS = ("abs", "bool", "float", "int", "len", "round")
_DISPLAYS = (ast.List, ast.Dict, ast.ListComp, ast.DictComp)


class Kinds:
    """What the places of a class hold.

    Parameters
    ----------
    class_
        The class.
    """

    def __init__(self, class_: ast.ClassDef) -> None:
        self._values: defaultdict[Place, list[tuple[str, ast.expr | None]]] = defaultdict(list)
        for statement in class_.body:
            if isinstance(statement, ast.Assign):
                for target in statement.targets:
                    if isinstance(target, ast.Name):
                        self._values["", target.id].append(("", statement.value))
            elif isinstance(statement, ast.FunctionDef):
                self._values["", statement.name].append(("", None))
                self._read(statement)
        mine = {(function, name) for function, name in self._values if function or name not in names_of_jesse()}
        self._numbers, self._own = mine, set(mine)
        self._settle(self._numbers, self.is_number)
        self._settle(self._own, lambda function, value: isinstance(value, _DISPLAYS))

    @property
    def places(self) -> set[Place]:
        """All that the class binds."""
        return set(self._values)

    def is_number(self, function: str, value: ast.expr | None) -> bool:
        """Whether an expression of a function is a number or a truth value, whatever the market does."""
        if isinstance(value, ast.Constant):
            return isinstance(value.value, bool | int | float)
        if isinstance(value, ast.Name | ast.Attribute):
            place = place_of(function, value)
            jesses = place is not None and not place[0] and place[1] in SCALAR_READ and place not in self._values
            return jesses or place in self._numbers
        if isinstance(value, ast.UnaryOp):
            return self.is_number(function, value.operand)
        if isinstance(value, ast.BinOp):
            return self.is_number(function, value.left) and self.is_number(function, value.right)
        if isinstance(value, ast.IfExp):
            return self.is_number(function, value.body) and self.is_number(function, value.orelse)
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in _NUMBERS:
            exact = value.func.id in ("bool", "float", "int", "len")
            return exact or all(self.is_number(function, argument) for argument in value.args)
        return False

    def is_own(self, function: str, value: ast.expr) -> bool:
        """Whether an expression is a list or a dictionary that the strategy itself has made."""
        return place_of(function, value) in self._own

    def _settle(self, places: set[Place], holds: Callable[[str, ast.expr | None], bool]) -> None:
        """Take out of ``places`` those that are bound to something else, until all the rest are consistent."""
        while wrong := {place for place in places if not all(holds(*value) for value in self._values[place])}:
            places -= wrong

    def _read(self, function: ast.FunctionDef) -> None:
        name = function.name
        for argument in ast.walk(function.args):
            if isinstance(argument, ast.arg):
                self._values[name, argument.arg].append((name, None))
        for node in ast.walk(function):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._bind(name, target, node.value)
            elif isinstance(node, ast.AnnAssign):
                self._bind(name, node.target, node.value)
            elif isinstance(node, ast.AugAssign):
                self._bind(name, node.target, ast.BinOp(node.target, node.op, node.value))
            elif isinstance(node, ast.For):
                counts = (isinstance(node.iter, ast.Call) and isinstance(node.iter.func, ast.Name)
                          and node.iter.func.id == "range")
                self._bind(name, node.target, ast.Constant(0) if counts else None)
            elif isinstance(node, ast.comprehension):
                self._bind(name, node.target, None)

    def _bind(self, function: str, target: ast.expr, value: ast.expr | None) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for part in target.elts:
                self._bind(function, part, None)
        else:
            place = place_of(function, target)
            if place is not None:
                self._values[place].append((function, value))


def place_of(function: str, node: ast.expr) -> Place | None:
    """Return what a name or an attribute of ``self`` stands for; None for anything else."""
    if isinstance(node, ast.Name):
        return function, node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return "", node.attr
    return None
