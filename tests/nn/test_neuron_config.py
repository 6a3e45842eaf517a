import pytest

from leanspike.errors import InputError
from leanspike.nn import NeuronConfig


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "izhikevich"}, "kind is 'izhikevich', expected one of if, lif, plif"),
        ({"reset": "none"}, "reset is"),
        ({"surrogate": "relu"}, "surrogate is"),
        ({"tau": 0.5}, "tau is 0.5"),
        ({"tau": float("nan")}, "tau is nan"),
        ({"tau": ()}, "tau has no values"),
        ({"kind": "plif", "tau": 1.0}, "tau is 1.0"),
        ({"threshold": 0.0}, "not above v_reset"),
        ({"threshold": float("inf")}, "finite"),
        ({"alpha": 0.0}, "alpha is 0.0"),
        ({"adaptation": -1.0}, "adaptation is"),
        ({"adaptation_tau": 0.0}, "adaptation_tau is"),
    ],
)
def test_wrong_values_are_refused(fields, message):
    with pytest.raises(InputError, match=message):
        NeuronConfig(**fields)


def test_a_list_of_taus_becomes_a_tuple():
    assert NeuronConfig(tau=[2.0, 3.0]) == NeuronConfig(tau=(2.0, 3.0))
