"""One file for each engine. A Python engine has `storm` and `heartbeat`; a C++ one is a program that takes the same."""
