"""The engine: spaces, networks, proxies, strategies and the run that joins them."""
