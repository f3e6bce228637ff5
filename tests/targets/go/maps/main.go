// Command maps spends its time in map operations, each kind in a function of its own, and prints how many it did.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

const entries = 1000

//go:noinline
func readStrings(m map[string]int, keys []string) (sum int) {
	for _, key := range keys {
		sum += m[key]
	}
	return sum
}

//go:noinline
func readNumbers(m map[int64]int, n int64) (sum int) {
	for i := int64(0); i < n; i++ {
		sum += m[i]
	}
	return sum
}

//go:noinline
func writeStrings(m map[string]int, keys []string) {
	for i, key := range keys {
		m[key] = i
	}
}

func main() {
	seconds := flag.Float64("seconds", 60, "how long to run")
	flag.Parse()
	strings, numbers := map[string]int{}, map[int64]int{}
	var keys []string
	for i := 0; i < entries; i++ {
		keys = append(keys, fmt.Sprintf("key-%d", i))
		strings[keys[i]] = i
		numbers[int64(i)] = i
	}
	fmt.Printf(`{"event":"ready","pid":%d,"entries":%d}`+"\n", os.Getpid(), entries)

	deadline := time.Now().Add(time.Duration(*seconds * float64(time.Second)))
	rounds, sum := 0, 0
	for ; time.Now().Before(deadline); rounds++ {
		sum += readStrings(strings, keys)
		sum += readNumbers(numbers, entries)
		writeStrings(strings, keys)
	}
	fmt.Printf(`{"event":"done","accesses_each":%d,"sum":%d}`+"\n", rounds*entries, sum)
}
