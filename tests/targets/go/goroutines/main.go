// Command goroutines is busy in four goroutines of known ids, each started by a function of its own.
package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
)

var sink [4]uint64

//go:noinline
func spin(worker int) {
	for i := uint64(0); i < 50_000_000; i++ {
		sink[worker] += i
	}
}

func work(worker int, ids chan<- [2]int) {
	text := make([]byte, 64)
	text = text[:runtime.Stack(text, false)] // "goroutine 18 [running]:..."
	id, err := strconv.Atoi(string(bytes.Fields(text)[1]))
	if err != nil {
		panic(err)
	}
	ids <- [2]int{worker, id}
	for {
		spin(worker)
	}
}

func first(ids chan<- [2]int)  { work(0, ids) }
func second(ids chan<- [2]int) { work(1, ids) }
func third(ids chan<- [2]int)  { work(2, ids) }
func fourth(ids chan<- [2]int) { work(3, ids) }

func main() {
	names := []string{"first", "second", "third", "fourth"}
	ids := make(chan [2]int)
	go first(ids)
	go second(ids)
	go third(ids)
	go fourth(ids)
	line := fmt.Sprintf(`{"event":"ready","pid":%d`, os.Getpid())
	for range names {
		pair := <-ids
		line += fmt.Sprintf(`,"main.%s":%d`, names[pair[0]], pair[1])
	}
	fmt.Println(line + "}")
	select {}
}
