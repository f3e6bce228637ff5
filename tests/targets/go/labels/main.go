// Command labels does work for tenants, with labels on the goroutines that do it (runtime/pprof.Do).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
)

var sink [4]uint64

//go:noinline
func spin(worker int) {
	for i := uint64(0); i < 5_000_000; i++ {
		sink[worker] += i
	}
}

func main() {
	sets := flag.Int("sets", 0, "so many different sets of labels, one after the other; 0: two, that stay")
	many := flag.Int("many", 0, "so many more labels in each set")
	flag.Parse()
	var more []string
	for i := 0; i < *many; i++ {
		more = append(more, fmt.Sprintf("label-%d", i), "x")
	}
	set := func(tenant, pid string) pprof.LabelSet {
		return pprof.Labels(append([]string{"tenant", tenant, "pid", pid}, more...)...)
	}
	fmt.Printf(`{"event":"ready","pid":%d}`+"\n", os.Getpid())
	if *sets > 0 {
		for i := 0; ; i++ {
			tenant := fmt.Sprintf("tenant-%d", i%*sets)
			pprof.Do(context.Background(), set(tenant, "own"), func(context.Context) {
				for i := 0; i < 300_000; i++ {
					sink[0] += uint64(i)
				}
			})
		}
	}
	work := func(worker int, tenant string) {
		pprof.Do(context.Background(), set(tenant, "own"), func(context.Context) {
			for {
				spin(worker)
			}
		})
	}
	go work(0, "acme")
	go work(1, "a tenant with a name that is longer than what is kept of a value: 0123456789")
	go func() {
		for {
			spin(2)
		}
	}()
	select {}
}
