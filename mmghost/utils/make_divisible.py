from .checks import check_int, check_positive


def make_divisible(value, divisor=4):
    """Round a channel count to a multiple of ``divisor``, never more than 10 % below it.

    The rule of MobileNetV2/V3 that GhostNet keeps, with 4 as its divisor.

    Args:
        value (float): The scaled channel count.
        divisor (int): What the result is a multiple of, and its minimum. Defaults to 4.

    Returns:
        int: The rounded channel count.

    Raises:
        TypeError, ValueError: If one is no number above 0.
    """
    check_positive('value', value)
    check_int('divisor', divisor, 1)
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * value else rounded + divisor
