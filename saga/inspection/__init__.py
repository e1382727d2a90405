"""Explaining sagas to people and programs: why a saga waits, JSON documents, rollback plans, wording. Pure functions."""
