package main

import (
	"encoding/json"
	"fmt"
	"sync"
)

var shapes = map[string]shape{
	"map":         {enter: enterMap, levels: 1},
	"syncmap":     {enter: enterSyncMap, levels: 1},
	"mutex":       {enter: enterMutex, levels: 1},
	"mutual":      {enter: enterMutual, levels: 2},
	"fmt":         {enter: enterFmt, levels: 1},
	"stringer":    {enter: enterStringer, levels: 1},
	"marshaljson": {enter: enterMarshalJSON, levels: 1},
	"closure":     {enter: enterClosure, levels: 1},
	"generics":    {enter: enterGenerics, levels: 1},
	"iface":       {enter: enterInterface, levels: 2},
	"cycle40":     {enter: enterCycle40, levels: 40},
	"big":         {enter: enterBig, levels: 1},
	"fifty":       {enter: enterMap, levels: 1},
	"random": {enter: enterRandom, levels: 8, irregular: []string{"main.random0", "main.random1", "main.random2",
		"main.random3", "main.random4", "main.random5", "main.random6", "main.random7"}},
}

var sink interface{}

// Config finds a key in a map that contains itself: the bug that profd is for.
type Config struct {
	values map[string]interface{}
	shared sync.Map
	lock   sync.RWMutex
	depth  *uint64
}

func newConfig(depth *uint64) *Config {
	c := &Config{values: map[string]interface{}{}, depth: depth}
	c.values["parent"] = c
	c.shared.Store("parent", c)
	return c
}

//go:noinline
func (c *Config) Get(key string) interface{} {
	level(c.depth)
	if value, found := c.values[key]; found {
		return value
	}
	return c.values["parent"].(*Config).Get(key)
}

//go:noinline
func enterMap(depth *uint64) { sink = newConfig(depth).Get("missing") }

// enterOne is the start of each goroutine of shape fifty.
func enterOne(starting <-chan *uint64) { enterMap(<-starting) }

//go:noinline
func (c *Config) GetShared(key string) interface{} {
	level(c.depth)
	if value, found := c.shared.Load(key); found {
		return value
	}
	parent, _ := c.shared.Load("parent")
	return parent.(*Config).GetShared(key)
}

//go:noinline
func enterSyncMap(depth *uint64) { sink = newConfig(depth).GetShared("missing") }

//go:noinline
func (c *Config) GetLocked(key string) interface{} {
	c.lock.RLock()
	defer c.lock.RUnlock()
	level(c.depth)
	if value, found := c.values[key]; found {
		return value
	}
	return c.values["parent"].(*Config).GetLocked(key)
}

//go:noinline
func enterMutex(depth *uint64) { sink = newConfig(depth).GetLocked("missing") }

//go:noinline
func mutualA(depth *uint64) uint64 {
	level(depth)
	return mutualB(depth) + 1
}

//go:noinline
func mutualB(depth *uint64) uint64 {
	level(depth)
	return mutualA(depth) + 2
}

//go:noinline
func enterMutual(depth *uint64) { sink = mutualA(depth) }

// counting counts a level when fmt prints it. Its key sorts before that of the map itself.
type counting struct{ depth *uint64 }

func (c *counting) String() string {
	level(c.depth)
	return ""
}

//go:noinline
func enterFmt(depth *uint64) {
	values := map[string]interface{}{"counting": &counting{depth}}
	values["self"] = values
	sink = fmt.Sprintf("%v", values)
}

// Name prints itself to make its own text.
type Name struct{ depth *uint64 }

func (n *Name) String() string {
	level(n.depth)
	return fmt.Sprintf("%v", n)
}

//go:noinline
func enterStringer(depth *uint64) { sink = (&Name{depth}).String() }

// Document encodes itself to make its own encoding.
type Document struct{ depth *uint64 }

func (d *Document) MarshalJSON() ([]byte, error) {
	level(d.depth)
	return json.Marshal(d)
}

//go:noinline
func enterMarshalJSON(depth *uint64) { sink, _ = (&Document{depth}).MarshalJSON() }

//go:noinline
func enterClosure(depth *uint64) {
	var descend func(left uint64) uint64
	descend = func(left uint64) uint64 {
		level(depth)
		return descend(left+1) + left
	}
	sink = descend(0)
}

// node is a list that ends in itself.
type node[T any] struct {
	value T
	next  *node[T]
	depth *uint64
}

//go:noinline
func lengthOf[T any](n *node[T]) int {
	level(n.depth)
	if n.next == nil {
		return 1
	}
	return lengthOf(n.next) + 1
}

//go:noinline
func enterGenerics(depth *uint64) {
	n := &node[string]{depth: depth}
	n.next = n
	sink = lengthOf(n)
}

type visitor interface{ visit() int }

// first and second visit each other.
type first struct {
	next  visitor
	depth *uint64
}

type second struct {
	next  visitor
	depth *uint64
}

//go:noinline
func (f *first) visit() int {
	level(f.depth)
	return f.next.visit() + 1
}

//go:noinline
func (s *second) visit() int {
	level(s.depth)
	return s.next.visit() + 2
}

//go:noinline
func enterInterface(depth *uint64) {
	head := &first{depth: depth}
	head.next = &second{head, depth}
	sink = head.visit()
}

//go:noinline
func enterCycle40(depth *uint64) { sink = cycle40n0(depth) }

//go:noinline
func enterRandom(depth *uint64) { sink = random0(depth) }

//go:noinline
func big(depth *uint64) uint64 {
	var pad [512]uint64 // 4 KiB
	level(depth)
	pad[*depth&511] = *depth
	return big(depth) + pad[0]
}

//go:noinline
func enterBig(depth *uint64) { sink = big(depth) }
