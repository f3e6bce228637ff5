// Command leaves is busy in functions that frame pointers tell badly: short ones, without frames, in assembly.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strings"
	"sync"
	"time"
)

type order struct {
	ID    int               `json:"id"`
	Names []string          `json:"names"`
	Tags  map[string]string `json:"tags"`
}

var sink int

func readMaps(strings map[string]int, keys []string, numbers map[int64]int, structs map[[2]string]int) {
	for i, key := range keys {
		sink += strings[key] + numbers[int64(i)] + structs[[2]string{key, key}]
	}
}

func encode(orders []order) {
	text, _ := json.Marshal(orders)
	var back []order
	json.Unmarshal(text, &back)
	sink += len(fmt.Sprintf("%v %+v %d", orders[0], back, len(text)))
	names := append([]string(nil), orders[0].Names...)
	sort.Strings(names)
	sink += len(strings.Join(names, ","))
}

func loadSyncMap(m *sync.Map, keys []string) {
	for _, key := range keys {
		if value, ok := m.Load(key); ok {
			sink += value.(int)
		}
	}
}

var garbage [][]byte

func allocate() {
	garbage = garbage[:0]
	for i := 0; i < 1000; i++ {
		garbage = append(garbage, make([]byte, 64+i))
	}
}

func main() {
	mode := flag.String("mode", "maps", "maps, encode, syncmap or gc")
	seconds := flag.Float64("seconds", 120, "how long to run")
	flag.Parse()
	const entries = 1000
	var keys []string
	byString, byNumber, byStruct, shared := map[string]int{}, map[int64]int{}, map[[2]string]int{}, &sync.Map{}
	orders := make([]order, 20)
	for i := 0; i < entries; i++ {
		key := fmt.Sprintf("key-%d", i*7919%entries)
		keys = append(keys, key)
		byString[key], byNumber[int64(i)], byStruct[[2]string{key, key}] = i, i, i
		shared.Store(key, i)
		at := &orders[i%len(orders)]
		at.ID, at.Names = i, append(at.Names, key)
		if at.Tags == nil {
			at.Tags = map[string]string{}
		}
		at.Tags[key] = key
	}
	var step func()
	switch *mode {
	case "maps":
		step = func() { readMaps(byString, keys, byNumber, byStruct) }
	case "encode":
		step = func() { encode(orders) }
	case "syncmap":
		step = func() { loadSyncMap(shared, keys) }
	case "gc":
		go func() {
			for {
				runtime.GC()
			}
		}()
		step = func() {
			allocate()
			readMaps(byString, keys, byNumber, byStruct)
			loadSyncMap(shared, keys)
		}
	default:
		fmt.Fprintln(os.Stderr, "unknown mode", *mode)
		os.Exit(2)
	}
	fmt.Printf(`{"event":"ready","pid":%d}`+"\n", os.Getpid())
	for end := time.Now().Add(time.Duration(*seconds * float64(time.Second))); time.Now().Before(end); {
		step()
	}
	fmt.Printf(`{"event":"done","sum":%d}`+"\n", sink)
}
