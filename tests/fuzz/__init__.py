"""Open-ended searches for what breaks a promise, run apart from the tests. ``python -m tests.fuzz --list`` names them.

A campaign is a module in this folder with a class of this form::

    class Campaign:
        \"\"\"One line: what is drawn, and what must hold.\"\"\"

        def __init__(self, folder: Path) -> None:       # once; the folder is empty, and deleted afterwards
        def draw(self, random: Random) -> str:          # one draw; what became of it in few words, which are counted
        def close(self) -> None:                        # optional

``draw`` raises ``AssertionError`` when a promise is broken. All that it does must follow from ``random``, so that the
number which a failure prints draws the same again: ``python -m tests.fuzz NAME --replay NUMBER``.

Campaigns go on until their time is over. What they find becomes a test of its own, in the room that it is about.
"""
