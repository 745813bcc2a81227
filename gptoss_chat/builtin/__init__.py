"""The small built-in model: its files and the recipe that makes them."""
