"""Whether a class does nothing but compute from what it is given, and keep what it computes on itself.

What is not known to be harmless is refused: each kind of statement and expression is listed.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping
from typing import Any

from jesse_nb.core.simulator.strategies.plain.kinds import Kinds, place_of
from jesse_nb.core.simulator.strategies.plain.names import CACHED, STRATEGY, NotPlainError, constant
from jesse_nb.core.simulator.strategies.plain.words import (
    BUILTINS,
    CONSTANTS,
    HOOKS,
    METHODS,
    MODULES,
    ORDERS,
    OWN_METHODS,
    READ,
    TYPES,
    VALUE_FIELDS,
    functions_of,
    indicator_fields,
    names_of_jesse,
)

__all__ = ["check_class"]

_BODIES = (ast.If, ast.For, ast.While)
_SIMPLE = (ast.Pass, ast.Break, ast.Continue)
#: Whose parts are looked at, and which do nothing else.
_PARTS = (ast.BinOp, ast.BoolOp, ast.UnaryOp, ast.IfExp, ast.Tuple, ast.List, ast.Dict, ast.Slice, ast.ListComp,
          ast.DictComp, ast.GeneratorExp, ast.Subscript)
_ONLY_READ = (ast.Load, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)


def check_class(class_: ast.ClassDef, names: Mapping[str, Any]) -> None:
    """Refuse a class that is not plain.

    Parameters
    ----------
    class_
        Which inherits from Jesse's Strategy.
    names
        What the names outside of it stand for, as ``names_at_the_top`` returns them.

    Raises
    ------
    NotPlainError
        Which says why.
    """
    bases = [names.get(base.id) if isinstance(base, ast.Name) else None for base in class_.bases]
    if bases != [STRATEGY] or class_.keywords or class_.decorator_list or vars(class_).get("type_params"):
        raise NotPlainError("a class of another make", class_)
    functions = [part for part in class_.body if isinstance(part, ast.FunctionDef)]
    taken = [function.name for function in functions]
    for part in class_.body:
        if isinstance(part, ast.Assign):
            constant(part.value)
            for target in part.targets:
                if not isinstance(target, ast.Name):
                    raise NotPlainError("an assignment in the class", part)
                taken.append(target.id)
        elif not isinstance(part, ast.FunctionDef | ast.Pass) and not (
                isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)):
            raise NotPlainError("a statement in the class", part)
    for name in taken:
        used = name in names or hasattr(builtins, name) or name in names_of_jesse() or name.startswith("__")
        if taken.count(name) > 1 or (used and not (name in HOOKS and any(one.name == name for one in functions))):
            raise NotPlainError(f"another meaning of {name}", class_)
    kinds = Kinds(class_)
    for function in functions:
        _Function(function, names, kinds, {one.name for one in functions}).check()


class _Function:
    """One method."""

    def __init__(
        self, function: ast.FunctionDef, names: Mapping[str, Any], kinds: Kinds, methods: set[str]
    ) -> None:
        self._function, self._names, self._kinds, self._methods = function, names, kinds, methods
        self._locals = {name for owner, name in kinds.places if owner == function.name}
        self._self = True

    def check(self) -> None:
        """Refuse it, unless all of it is known to be harmless."""
        function = self._function
        for decorator in function.decorator_list:
            name = decorator.id if isinstance(decorator, ast.Name) else ""
            if name == "staticmethod":
                self._self = False
            elif name != "property" and self._names.get(name) != CACHED:
                raise NotPlainError("a decorator", decorator)
        arguments = function.args
        given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        if arguments.vararg or arguments.kwarg or vars(function).get("type_params"):
            raise NotPlainError("arguments of any number", function)
        if self._self and (not arguments.args or arguments.args[0].arg != "self" or arguments.posonlyargs):
            raise NotPlainError("a method whose first argument is not self", function)
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                constant(default)
        for annotation in (*(argument.annotation for argument in given), function.returns):
            self._annotation(annotation)
        bound = [name for name in self._locals if name != "self"]
        if ("self" in self._locals) != self._self or "super" in bound:
            raise NotPlainError("another meaning of self", function)
        if self._self and any(isinstance(node, ast.Name) and node.id == "self" and not isinstance(node.ctx, ast.Load)
                              for node in ast.walk(function)):
            raise NotPlainError("another meaning of self", function)
        for name in bound:
            if name in self._names or name in BUILTINS or name in TYPES:
                raise NotPlainError(f"another meaning of {name}", function)
        self._block(function.body)

    def _annotation(self, node: ast.expr | None) -> None:
        if node is None or isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id in TYPES):
            return
        if not (isinstance(node, ast.Attribute) and node.attr == "ndarray" and isinstance(node.value, ast.Name)
                and self._names.get(node.value.id) == "numpy"):
            raise NotPlainError("an annotation", node)

    # Statements.

    def _block(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, _SIMPLE):
            return
        if isinstance(node, ast.Expr):
            self._read(node.value)
        elif isinstance(node, ast.Return):
            if node.value is not None:
                self._read(node.value)
        elif isinstance(node, ast.Assign):
            self._read(node.value)
            for target in node.targets:
                self._target(target)
        elif isinstance(node, ast.AnnAssign):
            self._annotation(node.annotation)
            if node.value is not None:
                self._read(node.value)
            self._target(node.target)
        elif isinstance(node, ast.AugAssign):
            self._read(node.value)
            self._target(node.target)
            name = self._function.name
            if not (self._kinds.is_number(name, node.target) and self._kinds.is_number(name, node.value)):
                raise NotPlainError("an operation in place on what may be no number", node)
        elif isinstance(node, _BODIES):
            if isinstance(node, ast.For):
                self._read(node.iter)
                self._target(node.target)
            else:
                self._read(node.test)
            self._block(node.body)
            self._block(node.orelse)
        else:
            raise NotPlainError(f"a statement {type(node).__name__}", node)

    def _target(self, node: ast.expr) -> None:
        if isinstance(node, ast.Tuple | ast.List):
            for part in node.elts:
                self._target(part)
        elif isinstance(node, ast.Name):
            return  # a local one: nothing can be declared global
        elif isinstance(node, ast.Attribute) and self._is_self(node.value):
            name = node.attr
            jesses = name in names_of_jesse() and name not in ORDERS
            if jesses or name in self._methods or name.startswith("__"):
                raise NotPlainError(f"an assignment to self.{name}", node)
        elif isinstance(node, ast.Subscript):
            self._read(node.slice)
            place = place_of(self._function.name, node.value)
            if not (place == ("", "vars") and self._is_self_of(node.value)) and not self._is_own(node.value):
                raise NotPlainError("an assignment into what may be somebody else's", node)
        else:
            raise NotPlainError("an assignment", node)

    # Expressions.

    def _read(self, node: ast.expr) -> None:
        if isinstance(node, ast.Constant):
            return
        if isinstance(node, ast.Name):
            self._name(node)
        elif isinstance(node, ast.Attribute):
            self._attribute(node)
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.JoinedStr):
            self._text(node)
        elif isinstance(node, ast.Compare):
            self._compare(node)
        elif isinstance(node, _PARTS):
            for part in ast.iter_child_nodes(node):
                self._part(part)
        else:
            raise NotPlainError(f"an expression {type(node).__name__}", node)

    def _part(self, node: ast.AST) -> None:
        if isinstance(node, ast.comprehension):
            if node.is_async or not _only_names(node.target):
                raise NotPlainError("a comprehension", node.target)
            for part in (node.iter, *node.ifs):
                self._read(part)
        elif isinstance(node, ast.expr):
            self._read(node)
        elif not isinstance(node, _ONLY_READ):
            raise NotPlainError(f"a part {type(node).__name__}", node)

    def _name(self, node: ast.Name) -> None:
        name = node.id
        plain = name in self._locals and name != "self"
        if not (plain or isinstance(self._names.get(name), tuple) or (name in TYPES and name not in self._names)):
            raise NotPlainError(f"the name {name}", node)

    def _attribute(self, node: ast.Attribute) -> None:
        name = node.attr
        if self._is_self(node.value):
            if not (name in READ or (("", name) in self._kinds.places and not name.startswith("__"))):
                raise NotPlainError(f"self.{name}", node)
        elif module := self._module(node.value):
            if name not in CONSTANTS.get(module, ()):
                raise NotPlainError(f"{module}.{name}", node)
        else:
            self._read(node.value)
            if name not in VALUE_FIELDS and (name not in indicator_fields() or name in METHODS):
                raise NotPlainError(f"an attribute {name}", node)

    def _compare(self, node: ast.Compare) -> None:
        for part in (node.left, *node.comparators):
            self._read(part)
        for operator, other in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, ast.Is | ast.IsNot) and not (
                    isinstance(other, ast.Constant) and other.value in (None, True, False)):
                raise NotPlainError("an identity", node)

    def _text(self, node: ast.JoinedStr) -> None:
        for part in node.values:
            if isinstance(part, ast.FormattedValue):  # of other objects it may tell their place in memory
                self._read(part.value)
                if not self._kinds.is_number(self._function.name, part.value):
                    raise NotPlainError("a text of what may be no number", node)
                if part.format_spec is not None:
                    self._read(part.format_spec)

    def _call(self, node: ast.Call) -> None:
        for argument in (*node.args, *(part.value for part in node.keywords)):
            if isinstance(argument, ast.Starred) or any(part.arg is None for part in node.keywords):
                raise NotPlainError("arguments of any number", node)
            self._read(argument)
        function, by_name = node.func, tuple(str(part.arg) for part in node.keywords)
        if isinstance(function, ast.Name):
            allowed = BUILTINS.get(function.id)
            if function.id in self._names or allowed is None or (
                    function.id != "dict" and not set(by_name) <= set(allowed)):
                raise NotPlainError(f"a call of {function.id}", node)
        elif not isinstance(function, ast.Attribute):
            raise NotPlainError("a call of a value", node)
        elif module := self._module(function.value):
            most, named = functions_of(module, function.attr) or (-1, ())
            if len(node.args) > most or "out" in by_name or not (named is None or set(by_name) <= set(named)):
                raise NotPlainError(f"a call of {module}.{function.attr}", node)
        elif self._is_self(function.value):
            if not (function.attr in self._methods or (function.attr == "liquidate" and not node.args)
                    or function.attr == "get_candles"):
                raise NotPlainError(f"a call of self.{function.attr}", node)
        elif not self._is_parents_beginning(node, function):
            self._read(function.value)
            own = function.attr in OWN_METHODS and self._is_own(function.value)
            if not own and (len(node.args) > METHODS.get(function.attr, -1)
                            or not set(by_name) <= {"axis", "ddof", "keepdims"}):
                raise NotPlainError(f"a call of a method {function.attr}", node)

    def _is_parents_beginning(self, node: ast.Call, function: ast.Attribute) -> bool:
        """Whether it is ``super().__init__()``, in a method of that name."""
        above = function.value
        return (function.attr == self._function.name == "__init__" and not node.args and not node.keywords
                and isinstance(above, ast.Call) and isinstance(above.func, ast.Name) and above.func.id == "super"
                and "super" not in self._names and not above.args and not above.keywords)

    def _module(self, node: ast.expr) -> str:
        stands_for = self._names.get(node.id) if isinstance(node, ast.Name) else None
        return stands_for if isinstance(stands_for, str) and stands_for in MODULES else ""

    def _is_self(self, node: ast.expr) -> bool:
        return self._self and isinstance(node, ast.Name) and node.id == "self"

    def _is_self_of(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Attribute) and self._is_self(node.value)

    def _is_own(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Attribute) and not self._is_self(node.value):
            return False
        return self._kinds.is_own(self._function.name, node)


def _only_names(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) or (isinstance(node, ast.Tuple) and all(_only_names(part) for part in node.elts))
