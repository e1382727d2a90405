"""Drawings of definitions and sagas as SVG, without styles of their own: the graph in both directions, and the timeline. Pure functions."""
