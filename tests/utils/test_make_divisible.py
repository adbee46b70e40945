import pytest

from mmghost.utils import make_divisible


@pytest.mark.parametrize(
    ('value', 'expected'),
    [(16, 16), (20.8, 20), (31.2, 32), (18, 20), (5, 8), (1, 4), (0.2, 4), (145.6, 144)],
)
def test_make_divisible(value, expected):
    assert make_divisible(value) == expected


def test_never_more_than_a_tenth_below():
    assert all(make_divisible(v / 10) >= 0.9 * v / 10 for v in range(1, 5000))
