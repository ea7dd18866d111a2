"""Drawings that carry a lab's ideas: one module a lab, one function a picture.

`drawing` draws SVG, `slider` moves a drawing's number, and the others are the labs'.
"""
