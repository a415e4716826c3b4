"""The test driver of tests/run.py: what a test is, where things are, and the tests by subject."""
