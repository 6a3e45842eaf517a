import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanspike.errors import InputError
from leanspike.hardware.density import FixedStructured, NOfM, Uniform
from leanspike.hardware.density.kernels import tile_maximum, tile_p_empty


@given(st.integers(1, 10**7), st.floats(0, 1), st.integers(0, 10**7))
def test_one_tile_is_an_entry_of_the_array(size: int, density: float, tile: int) -> None:
    tile = min(tile, size)
    for model in (Uniform.from_density(density, size), FixedStructured(density)):
        kind, fraction, whole, nonzeros = model.kernel()
        found = tile_p_empty(kind, fraction, float(whole), float(nonzeros), float(tile))
        assert found == pytest.approx(float(model.p_empty(tile)), rel=1e-12, abs=1e-300)
        assert tile_maximum(kind, fraction, float(nonzeros), float(tile)) == model.maximum(tile)


def test_other_models_say_so() -> None:
    with pytest.raises(InputError, match="NOfM has no compiled form"):
        NOfM(2, 4).kernel()
