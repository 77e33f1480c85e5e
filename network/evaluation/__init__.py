"""Evaluation: measures how good a network is."""
