"""A remote cache for Pants: BuildGrid's server over a directory of bounded size."""
