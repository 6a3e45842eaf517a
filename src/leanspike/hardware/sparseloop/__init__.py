"""Every rule that exists only because Timeloop v3.0.3 with Sparseloop has it.

The counting (``counts``) enters here at a few places, one function each, where the semantics ask
for it: ranks of formats (``geometry``), what tiles hold (``content``), leader tiles (``leader``)
and thinned accesses and computes (``actions``).
"""
