"""The papers' comparison on data that can be had."""

from pathlib import Path

COMPARISON = Path(__file__).with_name('comparison.yml')
