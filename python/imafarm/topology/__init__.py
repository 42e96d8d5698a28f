"""What a farm is made of: its hosts and zones, their settings, and the links between them."""

from imafarm.topology._topology import LARGEST_FARM, Link, Product, Topology, generate_hosts

__all__ = ["LARGEST_FARM", "Link", "Product", "Topology", "generate_hosts"]
