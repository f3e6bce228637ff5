// Command mapload uses maps at a steady pace, each kind of access in a function of its own, and prints how many of each
// there were, with the time and its CPU time, four times a second.
//
//	mapload [--pause NANOSECONDS] [--sleep MILLISECONDS [--late N]] [--seconds S] [--threads N]
//
// Between two accesses it works for about so long.
package main

import (
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const entries = 1000

type point struct{ x, y, z int64 }

type world struct {
	texts   map[string]int
	numbers map[int64]string
	anys    map[interface{}]int
	points  map[point]bool
	changed map[string]int
	synced  *sync.Map
	keys    []string
}

var (
	pause   = flag.Int64("pause", 2000, "about so many nanoseconds of work between accesses")
	sleep   = flag.Int64("sleep", 0, "milliseconds of sleep after each ten rounds")
	late    = flag.Int("late", 0, "reads of points before that sleep")
	seconds = flag.Float64("seconds", 600, "how long to run")
	threads = flag.Int("threads", 1, "goroutines that do the same")
	counts  [8]int64
	sink    int64
)

const (
	readText = iota
	readNumber
	readAny
	readPoint
	writeText
	deleteText
	rangeText
	loadSync
)

var names = [8]string{"main.readText", "main.readNumber", "main.readAny", "main.readPoint", "main.writeText",
	"main.deleteText", "main.rangeText", "main.loadSync"}

//go:noinline
func (w *world) readText(i int) int { return w.texts[w.keys[i%entries]] }

//go:noinline
func (w *world) readNumber(i int) int { return len(w.numbers[int64(i%entries)]) }

//go:noinline
func (w *world) readAny(i int) int { return w.anys[w.keys[i%10]] }

//go:noinline
func (w *world) readPoint(i int) bool { return w.points[point{int64(i % 10), 2, 3}] }

//go:noinline
func (w *world) writeText(i int) { w.changed[w.keys[i%entries]] = i }

//go:noinline
func (w *world) deleteText(i int) { delete(w.changed, w.keys[i%entries]) }

//go:noinline
func (w *world) rangeText() (n int) {
	for range w.texts {
		n++
		break
	}
	return n
}

//go:noinline
func (w *world) loadSync(i int) bool {
	_, ok := w.synced.Load(w.keys[i%entries])
	return ok
}

func newWorld() *world {
	w := &world{texts: map[string]int{}, numbers: map[int64]string{}, anys: map[interface{}]int{},
		points: map[point]bool{}, changed: map[string]int{}, synced: &sync.Map{}}
	for i := 0; i < entries; i++ {
		key := fmt.Sprintf("key-%d", i)
		w.keys = append(w.keys, key)
		w.texts[key] = i
		w.numbers[int64(i)] = key
		w.synced.Store(key, i)
	}
	for i := 0; i < 10; i++ {
		w.anys[w.keys[i]] = i
		w.points[point{int64(i), 2, 3}] = true
	}
	return w
}

var steps int64 // between two accesses

//go:noinline
func work(steps int64) {
	x := uint64(steps)
	for i := int64(0); i < steps; i++ {
		x = x*6364136223846793005 + 1
	}
	sink = int64(x)
}

// An amount of work, not of time: what delays an access is not made up for.
func rest() { work(steps) }

func stepsOf(pause time.Duration) int64 {
	const many = 1_000_000
	fastest := time.Hour
	for i := 0; i < 20; i++ {
		begin := time.Now()
		work(many)
		if took := time.Since(begin); took < fastest {
			fastest = took
		}
	}
	return many * int64(pause) / int64(fastest)
}

// A round has eight reads of texts, four of numbers, and so on: the shares are known.
func (w *world) round(i int, done *[8]int64) {
	for j := 0; j < 8; j++ {
		sink += int64(w.readText(i*8 + j))
		rest()
	}
	for j := 0; j < 4; j++ {
		sink += int64(w.readNumber(i*4 + j))
		rest()
	}
	sink += int64(w.readAny(i))
	rest()
	w.readPoint(i)
	rest()
	w.writeText(i)
	rest()
	w.writeText(i + 1)
	rest()
	w.deleteText(i)
	rest()
	w.rangeText()
	rest()
	w.loadSync(i)
	rest()
	w.loadSync(i + 1)
	rest()
	for k, n := range [8]int64{8, 4, 1, 1, 2, 1, 1, 2} {
		atomic.AddInt64(&done[k], n)
	}
}

func report() {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	line := fmt.Sprintf(`{"event":"progress","time_ns":%d,"cpu_ns":%d,"counts":{`, time.Now().UnixNano(),
		used.Utime.Nano()+used.Stime.Nano())
	for k, name := range names {
		if k > 0 {
			line += ","
		}
		line += fmt.Sprintf(`"%s":%d`, name, atomic.LoadInt64(&counts[k]))
	}
	os.Stdout.WriteString(line + "}}\n")
}

func main() {
	flag.Parse()
	steps = stepsOf(time.Duration(*pause))
	for t := 0; t < *threads; t++ {
		go func() {
			w := newWorld()
			for i := 0; ; i++ {
				w.round(i, &counts)
				if *sleep > 0 && i%10 == 9 {
					for j := 0; j < *late; j++ {
						w.readPoint(j)
					}
					atomic.AddInt64(&counts[readPoint], int64(*late))
					time.Sleep(time.Duration(*sleep) * time.Millisecond)
				}
			}
		}()
	}
	fmt.Printf(`{"event":"ready","pid":%d,"entries":%d}`+"\n", os.Getpid(), entries)
	for end := time.Now().Add(time.Duration(*seconds * float64(time.Second))); time.Now().Before(end); {
		time.Sleep(250 * time.Millisecond)
		report()
	}
}
