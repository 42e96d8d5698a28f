"""The same hosts on real sockets."""
