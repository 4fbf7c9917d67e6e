"""The report of a whole workspace as one HTML file that stands alone: no network, and nothing but its own script."""
