"""The actions of operators: what may be asked for, what follows from it, and its plan. Pure functions."""
