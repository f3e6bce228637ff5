// Command selfprofile does a mixture of work and serves the runtime's own CPU profile of it (net/http/pprof).
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"regexp"
	"sort"
	"strings"
)

type item struct {
	Name   string            `json:"name"`
	Values []float64         `json:"values"`
	Tags   map[string]string `json:"tags"`
}

func makeItems(n int) (items []item) {
	for i := 0; i < n; i++ {
		items = append(items, item{fmt.Sprintf("item-%d", i*7919%n), []float64{float64(i), 0.5}, map[string]string{"a": "b"}})
	}
	return items
}

//go:noinline
func encode(items []item) []byte {
	text, err := json.Marshal(items)
	if err != nil {
		panic(err)
	}
	return text
}

//go:noinline
func decode(text []byte) (items []item) {
	if err := json.Unmarshal(text, &items); err != nil {
		panic(err)
	}
	return items
}

//go:noinline
func order(items []item) {
	sort.Slice(items, func(i, j int) bool { return items[i].Name < items[j].Name })
}

//go:noinline
func pack(text []byte) int {
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	writer.Write(text)
	writer.Close()
	return out.Len()
}

var number = regexp.MustCompile(`item-(\d+)`)

//go:noinline
func match(text []byte) int { return len(number.FindAll(text, -1)) }

//go:noinline
func count(text []byte) map[string]int {
	words := map[string]int{}
	for _, word := range strings.FieldsFunc(string(text), func(r rune) bool { return r == '"' || r == ',' }) {
		words[word]++
	}
	return words
}

var sink int

func first(items []item) {
	for {
		text := encode(items)
		sink += pack(text) + match(text)
	}
}

func second(items []item) {
	text := encode(items)
	for {
		order(decode(text))
		sink += len(count(text))
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go first(makeItems(500))
	go second(makeItems(500))
	fmt.Printf(`{"event":"ready","pid":%d,"port":%d}`+"\n", os.Getpid(), listener.Addr().(*net.TCPAddr).Port)
	panic(http.Serve(listener, nil))
}
