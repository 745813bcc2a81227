"""The operators in C++ for the CPU: a plain shared library, built when the package is installed, called by pointer."""
