"""What `make check` and `make sbom` run beside the linters."""
