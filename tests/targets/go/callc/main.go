// Command callc is busy in C that Go calls, and in Go that C calls. `callc overflow` recurses without end in C a second
// later.
package main

/*
#cgo CFLAGS: -fno-omit-frame-pointer
#include <stdint.h>

uint64_t busy_in_c(uint64_t turns);
void call_go(void);
uint64_t overflow_in_c(uint64_t level);
*/
import "C"

import (
	"fmt"
	"os"
	"time"
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
	if len(os.Args) > 1 && os.Args[1] == "overflow" {
		time.Sleep(time.Second)
		C.overflow_in_c(0)
	}
	for {
		callC()
		callCThatCallsGo()
	}
}
