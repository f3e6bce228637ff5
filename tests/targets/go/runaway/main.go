// Command runaway recurses without end until the runtime (or the kernel) kills it.
//
//	runaway SHAPE [--after SECONDS | --on-input] [--throttle NANOSECONDS] [--goroutines N] [--counter FILE]
//	        [--max-stack BYTES]
//
// SHAPE is one of shapes below. It prints "ready" at once and "onset" right before the first call into the recursion.
// FILE gets the levels called so far, 8 bytes in native order for each goroutine, and keeps them after the death. With
// --throttle each level spins so long first. What is true is printed as JSON, one object a line.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"sort"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

var (
	after      = flag.Float64("after", 2, "seconds to live before the recursion begins")
	onInput    = flag.Bool("on-input", false, "begin when a byte comes on standard input, or its end")
	throttle   = flag.Duration("throttle", 0, "time to spin at each level; a plain number is in nanoseconds")
	goroutines = flag.Int("goroutines", 50, "shape fifty: how many recurse at once")
	counter    = flag.String("counter", "", "file that gets the levels")
	maxStack   = flag.Int("max-stack", 0, "limit of a goroutine's stack in bytes, as debug.SetMaxStack takes it")
)

const clockBoottime = 7

func main() {
	if len(os.Args) < 2 || shapes[os.Args[1]].enter == nil {
		names := make([]string, 0, len(shapes))
		for name := range shapes {
			names = append(names, name)
		}
		sort.Strings(names)
		fail(2, "usage: runaway SHAPE [FLAGS], SHAPE one of", names)
	}
	name := os.Args[1]
	flag.CommandLine.Parse(plainNanoseconds(os.Args[2:]))
	if *maxStack > 0 {
		debug.SetMaxStack(*maxStack)
	}
	count := 1
	if name == "fifty" {
		count = *goroutines
	}
	truth := learn(shapes[name])
	depths := openCounters(*counter, count)
	spinning = *throttle > 0
	starting := make(chan *uint64)
	if name == "fifty" {
		truth.Root = "main.enterOne"
		for i := 0; i < count; i++ {
			go enterOne(starting)
		}
	}
	fmt.Printf(`{"event":"ready","pid":%d,"shape":"%s"}`+"\n", os.Getpid(), name)
	if *onInput {
		os.Stdin.Read(make([]byte, 1))
	} else {
		time.Sleep(time.Duration(*after * float64(time.Second)))
	}

	line := truth.line(name, count)
	boot := make([]byte, 0, 32)
	boot = strconv.AppendInt(boot, bootNanoseconds(), 10)
	line = append(line, `"boot_ns":`...)
	line = append(line, boot...)
	line = append(line, `,"time_ns":`...)
	line = strconv.AppendInt(line, time.Now().UnixNano(), 10)
	os.Stdout.Write(append(line, "}\n"...))
	if name != "fifty" {
		shapes[name].enter(&depths[0])
		return
	}
	for i := range depths {
		starting <- &depths[i]
	}
	select {}
}

func fail(code int, what ...interface{}) {
	fmt.Fprintln(os.Stderr, append([]interface{}{"runaway:"}, what...)...)
	os.Exit(code)
}

// plainNanoseconds gives `--throttle 500` its unit.
func plainNanoseconds(arguments []string) []string {
	for i, argument := range arguments {
		if i > 0 && (arguments[i-1] == "--throttle" || arguments[i-1] == "-throttle") {
			if _, err := strconv.Atoi(argument); err == nil {
				arguments[i] += "ns"
			}
		}
	}
	return arguments
}

// openCounters returns one word for each goroutine: in the file's pages, which outlive the process, or in memory.
func openCounters(path string, count int) []uint64 {
	if path == "" {
		return make([]uint64, count)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err == nil {
		err = file.Truncate(int64(count) * 8)
	}
	if err != nil {
		fail(1, err)
	}
	page, err := syscall.Mmap(int(file.Fd()), 0, count*8, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		fail(1, "cannot map", path, err)
	}
	file.Close()
	return (*[1 << 27]uint64)(unsafe.Pointer(&page[0]))[:count:count]
}

func bootNanoseconds() int64 {
	var now syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockBoottime, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}

// line is the onset's object but for its clocks, which are read last.
func (t *truth) line(shape string, count int) []byte {
	cycle, err := json.Marshal(t.Cycle)
	if err != nil {
		fail(1, err)
	}
	return []byte(fmt.Sprintf(`{"event":"onset","pid":%d,"shape":"%s","goroutines":%d,"cycle":%s,`+
		`"frames_per_cycle":%d,"levels_per_cycle":%d,"entry":"%s","root":"%s",`, os.Getpid(), shape, count, cycle,
		t.Frames, t.Levels, t.Entry, t.Root))
}
