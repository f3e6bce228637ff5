// Command recurse recurses to an exact depth and spends its time at the bottom, or grows until the runtime kills it.
//
//	recurse -mode direct|cycle3|cycle40|two|irregular|ordinary -depth N [-second N] [-seconds S] [-seed N]
//	recurse -mode map|syncmap|mutex|mutual [-depth N] [-spins N]
//
// The modes of the second line go on until Go's stack limit, or to depth N, with N turns of work at each level. What is
// true is printed as JSON, one object a line.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

var (
	mode    = flag.String("mode", "direct", "kind of recursion")
	depth   = flag.Int("depth", 100, "frames of it")
	second  = flag.Int("second", 100, "mode two: frames of the second recursion")
	seconds = flag.Float64("seconds", 60, "how long to stay at the bottom")
	seed    = flag.Uint64("seed", 88172645463325252, "mode irregular: seed")
	spins   = flag.Int("spins", 0, "growing modes: work at each level")
	idle    = flag.Duration("idle", 0, "growing modes: work shallowly for so long first")
)

var (
	deadline time.Time
	random   uint64
	callsA   int
	callsB   int
	work     uint64
)

// spinLeaf has a frame (its array) and calls nothing while it spins.
//
//go:noinline
func spinLeaf() uint64 {
	var pad [8]uint64
	for i := 0; i < 20000000; i++ {
		pad[i&7] += uint64(i)
	}
	return pad[3]
}

// bottom says what the stack looks like, then stays at the bottom of it.
//
//go:noinline
func bottom() {
	fmt.Printf(`{"event":"ready","pid":%d,"mode":"%s","depth":%d,"second":%d,"calls_a":%d,"calls_b":%d,`+
		`"leaf":"main.spinLeaf","root":"main.main"}`+"\n", os.Getpid(), *mode, *depth, *second, callsA, callsB)
	for time.Now().Before(deadline) {
		work += spinLeaf()
	}
}

func main() {
	flag.Parse()
	deadline = time.Now().Add(time.Duration(*seconds * float64(time.Second)))
	random = *seed | 1
	switch *mode {
	case "direct":
		direct(*depth)
	case "cycle3":
		cycle3First(*depth)
	case "cycle40":
		cycle40n0(*depth)
	case "two":
		twoFirst(*depth)
	case "irregular":
		irregular(*depth)
	case "ordinary":
		ordinary0(0)
	case "map", "syncmap", "mutex", "mutual":
		for end := time.Now().Add(*idle); time.Now().Before(end); {
			levelWork()
		}
		fmt.Printf(`{"event":"onset","pid":%d,"mode":"%s","unix_nano":%d}`+"\n", os.Getpid(), *mode, time.Now().UnixNano())
		grow(*mode, *depth)
	default:
		fmt.Fprintln(os.Stderr, "recurse: unknown mode", *mode)
		os.Exit(2)
	}
	fmt.Printf(`{"event":"done","work":%d}`+"\n", work)
}
