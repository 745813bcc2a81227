"""The tests mirror the package; `e2e` drives the installed command."""
