"""What the built-in model is taught, one module for each skill; no module knows of samples, splits or tokens."""
