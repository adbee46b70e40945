"""Three demos on Fashion-MNIST and on scenes made of it; run from the repository's root."""
