"""The contract as rows, a module for each theme. A row is a coroutine whose docstring is the rule it holds."""
