"""Times of networks in several forms and runtimes; ``python -m research.benchmark`` takes them."""
