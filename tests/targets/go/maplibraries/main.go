// Command maplibraries uses maps through packages that reach into them past the runtime's functions, each kind of
// access in a function of its own, and prints how many of each there were, with the time, four times a second. From
// Go 1.23 on.
package main

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
)

var counts [7]int64
var names = [7]string{"main.reflectDelete", "main.reflectRange", "main.reflectKeys", "main.reflectClear", "main.clone",
	"main.rangeSync", "main.clearSync"}
var sink int

//go:noinline
func reflectDelete(m reflect.Value, key reflect.Value) { m.SetMapIndex(key, reflect.Value{}) }

//go:noinline
func reflectRange(m reflect.Value) {
	for it := m.MapRange(); it.Next(); {
		sink++
	}
}

//go:noinline
func reflectKeys(m reflect.Value) { sink += len(m.MapKeys()) }

//go:noinline
func reflectClear(m reflect.Value) { m.Clear() }

//go:noinline
func clone(m map[[3]int]int) { sink += len(maps.Clone(m)) }

//go:noinline
func rangeSync(m *sync.Map) {
	m.Range(func(key, value any) bool {
		sink++
		return true
	})
}

//go:noinline
func clearSync(m *sync.Map) { m.Clear() }

func main() {
	plain := map[[3]int]int{{1}: 1, {2}: 2, {3}: 3}
	value, missing := reflect.ValueOf(plain), reflect.ValueOf([3]int{4})
	empty := reflect.ValueOf(map[[3]int]int{})
	synced, none := &sync.Map{}, &sync.Map{}
	synced.Store("a", 1)
	fmt.Printf(`{"event":"ready","pid":%d}`+"\n", os.Getpid())
	go func() {
		for {
			time.Sleep(250 * time.Millisecond)
			line := fmt.Sprintf(`{"event":"progress","time_ns":%d,"counts":{`, time.Now().UnixNano())
			for i, name := range names {
				if i > 0 {
					line += ","
				}
				line += fmt.Sprintf(`"%s":%d`, name, atomic.LoadInt64(&counts[i]))
			}
			os.Stdout.WriteString(line + "}}\n")
		}
	}()
	for {
		for i := 0; i < 2; i++ {
			reflectDelete(value, missing)
		}
		reflectRange(value)
		reflectKeys(value)
		reflectClear(empty)
		for i := 0; i < 3; i++ {
			clone(plain)
		}
		for i := 0; i < 4; i++ {
			rangeSync(synced)
		}
		clearSync(none)
		for i, n := range [7]int64{2, 1, 1, 1, 3, 4, 1} {
			atomic.AddInt64(&counts[i], n)
		}
	}
}
