// Command server is an ordinary HTTP+JSON service under a load of its own making: no recursion, many maps, goroutines
// that come and go. It prints its address, its progress and, at the end, how many requests it served.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

type order struct {
	ID    int               `json:"id"`
	Tags  map[string]string `json:"tags"`
	Lines []float64         `json:"lines"`
}

var served int64

//go:noinline
func buildOrder(id int) order {
	o := order{ID: id, Tags: map[string]string{}}
	for i := 0; i < 20; i++ {
		o.Tags[fmt.Sprintf("key-%d", i)] = fmt.Sprintf("value-%d", id*i)
		o.Lines = append(o.Lines, float64(id)/float64(i+1))
	}
	return o
}

func handleOrder(w http.ResponseWriter, r *http.Request) {
	n := atomic.AddInt64(&served, 1)
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(buildOrder(int(n)))
}

func load(url string, deadline time.Time, done chan<- struct{}) {
	for time.Now().Before(deadline) {
		response, err := http.Get(url)
		if err != nil {
			continue
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	done <- struct{}{}
}

// progress prints, ten times a second, how many requests were served and what CPU time that took.
func progress() {
	for {
		time.Sleep(100 * time.Millisecond)
		var used syscall.Rusage
		syscall.Getrusage(syscall.RUSAGE_SELF, &used)
		fmt.Printf(`{"event":"progress","served":%d,"cpu_ns":%d}`+"\n", atomic.LoadInt64(&served),
			used.Utime.Nano()+used.Stime.Nano())
	}
}

func main() {
	seconds := flag.Float64("seconds", 60, "how long to serve")
	clients := flag.Int("clients", 2, "clients of the load")
	flag.Parse()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
	http.HandleFunc("/order", handleOrder)
	go http.Serve(listener, nil)
	fmt.Printf(`{"event":"ready","pid":%d,"address":"%s"}`+"\n", os.Getpid(), listener.Addr())

	done := make(chan struct{})
	deadline := time.Now().Add(time.Duration(*seconds * float64(time.Second)))
	for i := 0; i < *clients; i++ {
		go load("http://"+listener.Addr().String()+"/order", deadline, done)
	}
	go progress()
	for i := 0; i < *clients; i++ {
		<-done
	}
	fmt.Printf(`{"event":"done","served":%d}`+"\n", atomic.LoadInt64(&served))
}
