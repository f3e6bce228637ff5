// Command frames prints what the runtime itself says about addresses all over its text: for each the calls that
// runtime.CallersFrames finds there, innermost first. What is compared with it must find the same.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"sort"
	"strings"
	"text/template"
	_ "unsafe" // for go:linkname
)

// Something for the compiler to inline, of every kind: methods, closures, type parameters, calls in loops.
type pair struct{ a, b int }

func (p pair) sum() int                { return add(p.a, p.b) }
func add(a, b int) int                 { return a + b }
func twice(f func(int) int, v int) int { return f(f(v)) }

type number interface{ ~int | ~int64 }

func largest[T number](values []T) (best T) {
	for _, value := range values {
		best = larger(best, value)
	}
	return best
}

func larger[T number](a, b T) T {
	if a > b {
		return a
	}
	return b
}

//go:noinline
func work(values []int) int {
	total := pair{largest(values), len(values)}.sum()
	return twice(func(v int) int { return add(v, total) }, total)
}

// The same call as the packages that are linked in, so that there is more text than the runtime's.
func keep() {
	template.Must(template.New("x").Parse("{{.}}")).Execute(&strings.Builder{}, work([]int{1, 2, 3}))
	sort.Slice([]int{2, 1}, func(i, j int) bool { return i < j })
}

type frame struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
}

// expand adds the calls that were inlined at the last address, as runtime/pprof has it done for its profiles. (From Go
// 1.23 on it takes -ldflags=-checklinkname=0 to get at it.)
//
//go:linkname expand runtime/pprof.runtime_expandFinalInlineFrame
func expand(stack []uintptr) []uintptr

func framesAt(pc uintptr) (frames []frame) {
	// Both take return addresses: the call is before them.
	iterator := runtime.CallersFrames(expand([]uintptr{pc + 1}))
	for {
		one, more := iterator.Next()
		frames = append(frames, frame{one.Function, one.File, one.Line})
		if !more {
			return frames
		}
	}
}

// mappingOf returns where the mapping of a file starts that holds pc, and the place in the file it starts at.
func mappingOf(pc uintptr) (start, offset uintptr) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		panic(err)
	}
	for _, line := range strings.Split(string(maps), "\n") {
		var end uintptr
		var mode string
		if n, _ := fmt.Sscanf(line, "%x-%x %s %x", &start, &end, &mode, &offset); n == 4 && start <= pc && pc < end {
			return start, offset
		}
	}
	panic("in no mapping")
}

func main() {
	step := flag.Uint("step", 61, "bytes between the addresses")
	flag.Parse()
	keep()
	anchor := reflect.ValueOf(work).Pointer()
	low, high := anchor, anchor
	// The text without gaps around this function: one function after another, as the runtime knows them.
	const page = 4096
	for runtime.FuncForPC(low-page) != nil {
		low -= page
	}
	for runtime.FuncForPC(high+page) != nil {
		high += page
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	start, offset := mappingOf(anchor)
	encoder := json.NewEncoder(out)
	for pc := low; pc < high; pc += uintptr(*step) {
		next := runtime.FuncForPC(pc + 1)
		if runtime.FuncForPC(pc) == nil || next == nil || next.Entry() == pc+1 {
			continue // what is no function, and the last byte before one, which is no place to return to
		}
		encoder.Encode(struct {
			Offset uintptr `json:"offset"` // in the file
			Frames []frame `json:"frames"`
		}{pc - start + offset, framesAt(pc)})
	}
}
