"""Summaries as JSON: the effects of a saga, the live sagas, the installation. Pure functions."""
