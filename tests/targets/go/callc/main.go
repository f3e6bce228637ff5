// Command callc is busy in C that Go calls, and in Go that C calls.
package main

/*
#include <stdint.h>

uint64_t busy_in_c(uint64_t turns);
void call_go(void);
*/
import "C"

import (
	"fmt"
	"os"
)

var sink uint64

//export go_called_back
func go_called_back() {
	for i := uint64(0); i < 20_000_000; i++ {
		sink += i
	}
}

//go:noinline
func callC() { sink += uint64(C.busy_in_c(50_000_000)) }

//go:noinline
func callCThatCallsGo() { C.call_go() }

func main() {
	fmt.Printf(`{"event":"ready","pid":%d}`+"\n", os.Getpid())
	for {
		callC()
		callCThatCallsGo()
	}
}
