// Command honest recurses deep and returns: what a detector of runaway recursion must leave alone.
//
//	honest SHAPE [--seconds S] [--max-stack BYTES]
//
// SHAPE is one of shapes below, done again and again for S seconds. Each stays below a quarter of Go's 512 MiB of
// stack: all run in 64 MiB (--max-stack 67108864), which only floodfill needs; treewalk, rlocks and goparser need 32,
// the others 16 or less. What is true is printed as JSON, one object a line.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"sort"
	"time"
)

// shapes recurse once and return how many levels deep they were.
var shapes = map[string]func() int{
	"treewalk":   treeWalk,
	"quicksort":  quickSort,
	"floodfill":  floodFill,
	"json":       nestedJSON,
	"regex":      backtracking,
	"template":   nestedTemplate,
	"fib":        fibonacci,
	"grammar":    grammarOfMaps,
	"nestedmaps": nestedMaps,
	"memo":       memoised,
	"rlocks":     heldReadLocks,
	"poll":       recursivePoll,
	"goparser":   goParser,
}

func main() {
	if len(os.Args) < 2 || shapes[os.Args[1]] == nil {
		names := make([]string, 0, len(shapes))
		for name := range shapes {
			names = append(names, name)
		}
		sort.Strings(names)
		fail(2, "usage: honest SHAPE [FLAGS], SHAPE one of", names)
	}
	seconds := flag.Float64("seconds", 3, "how long to go on; the last turn is finished")
	maxStack := flag.Int("max-stack", 0, "limit of a goroutine's stack in bytes, as debug.SetMaxStack takes it")
	flag.CommandLine.Parse(os.Args[2:])
	if *maxStack > 0 {
		debug.SetMaxStack(*maxStack)
	}
	fmt.Printf(`{"event":"ready","pid":%d,"shape":"%s"}`+"\n", os.Getpid(), os.Args[1])
	deepest, turns := 0, 0
	end := time.Now().Add(time.Duration(*seconds * float64(time.Second)))
	for turns == 0 || time.Now().Before(end) {
		turns++
		if depth := shapes[os.Args[1]](); depth > deepest {
			deepest = depth
		}
	}
	fmt.Printf(`{"event":"done","shape":"%s","depth":%d,"turns":%d}`+"\n", os.Args[1], deepest, turns)
}

func fail(code int, what ...interface{}) {
	fmt.Fprintln(os.Stderr, append([]interface{}{"honest:"}, what...)...)
	os.Exit(code)
}

func deeper(a, b int) int {
	if a > b {
		return a
	}
	return b
}
