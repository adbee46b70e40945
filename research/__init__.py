"""What reproduces the papers and measures mmghost; run from the repository's root."""
