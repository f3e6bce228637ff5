// churn SECONDS: starts goroutines without end, each of which needs a stack of 64 KiB for a moment: the worst that a
// probe on stack growth can meet. Prints ready, and at the end how many there were and
// what CPU time it has used.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const frameBytes = 35000

//go:noinline
func task(n int) byte {
	var room [frameBytes]byte
	room[n%frameBytes] = byte(n)
	return room[(n+1)%frameBytes] + room[n%frameBytes]
}

func main() {
	seconds := 5.0
	if len(os.Args) > 1 {
		seconds, _ = strconv.ParseFloat(os.Args[1], 64)
	}
	fmt.Printf("{\"event\":\"ready\",\"pid\":%d}\n", os.Getpid())
	end := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	tasks := 0
	for time.Now().Before(end) {
		var all sync.WaitGroup
		for i := 0; i < 64; i++ {
			all.Add(1)
			go func(n int) {
				task(n)
				all.Done()
			}(tasks + i)
		}
		all.Wait()
		tasks += 64
	}
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	fmt.Printf("{\"event\":\"done\",\"tasks\":%d,\"cpu_ns\":%d}\n", tasks, used.Utime.Nano()+used.Stime.Nano())
}
