// Command elsewhere is busy where its goroutine's stack is not: in the vDSO, in signal handlers, in assembly.
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var sink uint64

//go:noinline
func readClock() {
	for i := 0; i < 1000; i++ {
		sink += uint64(time.Now().Nanosecond())
	}
}

//go:noinline
func spin() {
	for i := uint64(0); i < 1_000_000; i++ {
		sink += i
	}
}

//go:noinline
func hash(block []byte) {
	sum := sha256.Sum256(block)
	sink += uint64(sum[0])
}

// disturb sends this process signals without end, which its threads handle where they are.
func disturb() {
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGUSR1)
	go func() {
		for range handled {
		}
	}()
	pid := os.Getpid()
	for {
		syscall.Kill(pid, syscall.SIGUSR1)
	}
}

func main() {
	mode := flag.String("mode", "vdso", "vdso, signals or assembly")
	flag.Parse()
	block := make([]byte, 1<<16)
	steps := map[string]func(){"vdso": readClock, "signals": spin, "assembly": func() { hash(block) }}
	step := steps[*mode]
	if step == nil {
		fmt.Fprintln(os.Stderr, "unknown mode", *mode)
		os.Exit(2)
	}
	if *mode == "signals" {
		go disturb()
	}
	fmt.Printf(`{"event":"ready","pid":%d}`+"\n", os.Getpid())
	for {
		step()
	}
}
