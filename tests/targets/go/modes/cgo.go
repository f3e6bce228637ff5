// Laid over the targets to have them built with cgo (fixture.py, build_go).
package main

// static int answer(void) { return 42; }
import "C"

func init() {
	if C.answer() != 42 {
		panic("C was not called")
	}
}
