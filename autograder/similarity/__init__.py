"""Which answers of a class are suspiciously alike.

`tokens` says what of an answer counts, `compare` finds the pairs of a class, and `python -m
autograder.similarity` reads a graded class and writes the page.
"""
