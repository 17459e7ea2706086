"""The page: one HTML file with everything in it, which opens from disk and asks no network for anything."""
