"""Functions compiled anew from their text, so that what they compute in a line of their own is seen."""

from __future__ import annotations

import ast
import copy
import textwrap
import types
from collections.abc import Iterable, Iterator
from functools import lru_cache

__all__ = ["FOLLOW", "following_code"]

#: What the new code calls with each value and what it is called; the functions' module must have it.
FOLLOW = "__jesse_nb_follow__"

_COMPUTED = (ast.BinOp, ast.UnaryOp, ast.Call, ast.IfExp, ast.ListComp)


def following_code(own: types.CodeType, texts: Iterable[str]) -> types.CodeType | None:
    r"""Return a function's code that hands on what it computes: to a name, or to look at some values of it.

    Parameters
    ----------
    own
        The function's code.
    texts
        Sources, one of which may have the function.

    Returns
    -------
    code or None
        None where no text has this very function, or it has nothing to hand on.

    Examples
    --------
    >>> def twice(x):
    ...     line = x + x
    ...     return line[-1]
    >>> text = "def twice(x):\n    line = x + x\n    return line[-1]"
    >>> seen = []
    >>> follow = lambda value, name: seen.append((name, value)) or value
    >>> code = following_code(twice.__code__, [text])
    >>> types.FunctionType(code, {FOLLOW: follow})([1, 2]), seen
    (2, [('line', [1, 2, 1, 2])])
    """
    for node in (node for text in texts for node in _functions(text) if node.name == own.co_name):
        plain = copy.deepcopy(node)
        begin = min([node.lineno, *(part.lineno for part in node.decorator_list)])
        ast.increment_lineno(plain, own.co_firstlineno - begin)
        plain.decorator_list = []
        found = _compiled(plain, own)
        if found is None or _kind(found) != _kind(own):
            continue
        following = _Following()
        changed = ast.fix_missing_locations(following.visit(plain))
        return _compiled(changed, own) if following.found else None
    return None


class _Following(ast.NodeTransformer):
    found = False

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        self.generic_visit(node)
        node.value = self._followed(node.value, ast.unparse(node.targets[0]))
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        if node.value is not None:
            node.value = self._followed(node.value, ast.unparse(node.target))
        return node

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.AST:
        self.generic_visit(node)
        node.value = self._followed(node.value, node.target.id)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        node.value = self._followed(node.value, textwrap.shorten(ast.unparse(node.value), 60))
        return node

    def _followed(self, value: ast.expr, name: str) -> ast.expr:
        if not isinstance(value, _COMPUTED) or (isinstance(value, ast.Call) and isinstance(value.func, ast.Name)
                                                and value.func.id == FOLLOW):
            return value
        self.found = True
        call = ast.Call(ast.Name(FOLLOW, ast.Load()), [value, ast.Constant(name)], [])
        return ast.copy_location(call, value)


def _compiled(node: ast.FunctionDef, own: types.CodeType) -> types.CodeType | None:
    # Within a class, as a method may ask for super().
    around = ast.ClassDef("Owner", [], [], [node], [], lineno=1, col_offset=0, end_lineno=1, end_col_offset=0)
    try:
        code = compile(ast.Module([around], []), own.co_filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):  # as a nonlocal name without the function around it
        return None
    return next((inner for inner in _codes(code) if inner.co_name == node.name), None)


def _kind(code: types.CodeType) -> tuple[object, ...]:
    """Return what tells functions of one name apart; the code itself depends on what the module imports, too."""
    values = tuple(repr(value) for value in code.co_consts if not isinstance(value, types.CodeType))
    return code.co_names, code.co_varnames, code.co_freevars, code.co_argcount, values


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield inner
            yield from _codes(inner)


@lru_cache(maxsize=64)
def _functions(text: str) -> tuple[ast.FunctionDef, ...]:
    try:
        return tuple(node for node in ast.walk(ast.parse(textwrap.dedent(text))) if isinstance(node, ast.FunctionDef))
    except SyntaxError:
        return ()
