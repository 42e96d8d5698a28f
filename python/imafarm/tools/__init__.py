"""The product's own command-line tools, on farms of ours."""
