"""What each tool takes, declared once.

The magics, the command line, the forms, ``%config``, completion and the errors are made from it. Nothing heavy is
imported here: readers that need the engine import it when they read.
"""
