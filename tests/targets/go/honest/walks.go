package main

import (
	"sync"
	"time"
)

type treeNode struct {
	value       int
	left, right *treeNode
}

// unbalanced is a tree that is a list of 1,000,000 nodes, each tenth with a leaf beside.
var unbalanced *treeNode

//go:noinline
func (n *treeNode) height() int {
	if n == nil {
		return 0
	}
	return deeper(n.left.height(), n.right.height()) + 1
}

// treeWalk holds 1,000,001 frames of at most 64 bytes, 32 in most versions of Go.
func treeWalk() int {
	if unbalanced == nil {
		for i := 0; i < 1000000; i++ {
			unbalanced = &treeNode{value: i, right: unbalanced}
			if i%10 == 0 {
				unbalanced.left = &treeNode{value: -i}
			}
		}
	}
	return unbalanced.height()
}

//go:noinline
func sortInts(values []int, depth int) int {
	if len(values) < 2 {
		return depth
	}
	pivot, last := values[0], 0
	for i := 1; i < len(values); i++ {
		if values[i] < pivot {
			last++
			values[last], values[i] = values[i], values[last]
		}
	}
	values[0], values[last] = values[last], values[0]
	return deeper(sortInts(values[:last], depth+1), sortInts(values[last+1:], depth+1))
}

// quickSort takes the first of sorted numbers as pivot: a level for each of 20,000, 2 MiB.
func quickSort() int {
	values := make([]int, 20000)
	for i := range values {
		values[i] = i
	}
	return sortInts(values, 1)
}

type grid struct {
	side    int
	filled  []bool
	deepest int
}

//go:noinline
func (g *grid) fill(x, y, depth int) {
	if x < 0 || y < 0 || x >= g.side || y >= g.side || g.filled[y*g.side+x] {
		return
	}
	g.filled[y*g.side+x] = true
	g.deepest = deeper(g.deepest, depth)
	g.fill(x+1, y, depth+1)
	g.fill(x-1, y, depth+1)
	g.fill(x, y+1, depth+1)
	g.fill(x, y-1, depth+1)
}

// floodFill goes through 800 x 800 fields in one breath: 640,000 levels of less than 100 bytes.
func floodFill() int {
	g := &grid{side: 800, filled: make([]bool, 800*800)}
	g.fill(0, 0, 1)
	return g.deepest
}

var sink int

//go:noinline
func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

// fibonacci is 330 million calls, but 40 deep.
func fibonacci() int {
	sink = fib(40)
	return 40
}

//go:noinline
func remembered(n int, known map[int]int) int {
	if length, found := known[n]; found {
		return length
	}
	known[n] = remembered(n-1, known)%1000003 + n%7
	return known[n]
}

// memoised fills a map of 100,000 numbers from the last one down.
func memoised() int {
	sink = remembered(100000, map[int]int{0: 1})
	return 100000
}

type ledger struct {
	lock    sync.RWMutex
	entries map[string]int
}

//go:noinline
func (l *ledger) total(left int) int {
	l.lock.RLock()
	defer l.lock.RUnlock()
	if left == 0 {
		return l.entries["balance"]
	}
	return l.total(left-1) + 1
}

// heldReadLocks holds the same read lock at 200,000 levels.
func heldReadLocks() int {
	sink = (&ledger{entries: map[string]int{"balance": 7}}).total(200000)
	return 200000
}

//go:noinline
func poll(done func() bool, attempt int) int {
	if done() {
		return attempt
	}
	time.Sleep(time.Millisecond)
	return poll(done, attempt+1)
}

// recursivePoll asks 3,000 times, a millisecond apart, one call deeper each time.
func recursivePoll() int {
	asked := 0
	return poll(func() bool { asked++; return asked > 3000 }, 1)
}
