"""The sweep: what to try, running it, keeping it, and the Pareto fronts."""
