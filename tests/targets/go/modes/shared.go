// Laid over the targets to have them built as libraries (fixture.py, build_go); c/go_host.c calls them.
package main

import "C"

//export go_main
func go_main() { main() }
