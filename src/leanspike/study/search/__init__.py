"""Search past the grid: bits and sparsity layer by layer, with the hardware's cost in the loop."""

from leanspike.study.search.budget import Budget, parse_budget
from leanspike.study.search.front import predicted_front
from leanspike.study.search.section import SearchSection, ValueRange
from leanspike.study.search.table import Option, OptionTable

__all__ = [
    "Budget",
    "Option",
    "OptionTable",
    "SearchSection",
    "ValueRange",
    "parse_budget",
    "predicted_front",
]
