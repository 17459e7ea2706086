"""Mach-O files read, thinned, relocated and signed without Apple's tools, which exist on macOS alone."""
