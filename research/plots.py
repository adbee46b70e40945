"""What plots have in common."""

from matplotlib.ticker import LogLocator, NullLocator


def scale_by_factors(axes):
    """Give axes a logarithmic x with plain numbers at its ticks, and a grid."""
    axes.set_xscale('log')
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 4, 6)))
    axes.xaxis.set_major_formatter('{x:g}')
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.3)
