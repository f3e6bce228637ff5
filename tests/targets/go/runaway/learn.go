package main

import (
	"fmt"
	"runtime"
	"time"
)

// shape is one way to recurse without end.
type shape struct {
	enter     func(depth *uint64) // calls into the cycle; *depth counts the levels
	levels    int                 // of one turn of the cycle
	irregular []string            // functions that call each other in no order
}

// truth is what the runtime itself says about a shape.
type truth struct {
	Cycle  []string // functions of one turn, the caller first, inlined ones too
	Frames int      // real frames of one turn, without inlined calls
	Levels int      // of one turn
	Entry  string   // nearest caller that is not of the cycle
	Root   string
}

type namedFrame struct {
	name string
	line int
	real bool
}

var (
	stopAt   = ^uint64(0)
	spinning bool
	program  [1024]uintptr
	captured int
)

// level is called once at each level. It is inlined, so it leaves no frame.
func level(depth *uint64) {
	*depth++
	if spinning || *depth == stopAt {
		levelSlow()
	}
}

//go:noinline
func levelSlow() {
	if !spinning {
		captured = runtime.Callers(2, program[:])
		runtime.Goexit()
	}
	for start := time.Now(); time.Since(start) < *throttle; {
	}
}

// learn goes three turns deep, in a goroutine of its own on less than 32 KiB of stack, and looks at what stands there.
func learn(s shape) *truth {
	stopAt = uint64(3*s.levels + 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var depth uint64
		s.enter(&depth)
	}()
	<-done
	stopAt = ^uint64(0)
	var stack []namedFrame // leaf first
	frames := runtime.CallersFrames(program[:captured])
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		stack = append(stack, namedFrame{frame.Function, frame.Line, frame.Func != nil})
	}

	result := &truth{Levels: s.levels, Root: "main.main"}
	if s.irregular != nil {
		result.Cycle, result.Frames, result.Levels = s.irregular, 1, 1
	} else {
		for _, frame := range onePeriod(stack) {
			result.Cycle = append([]string{frame.name}, result.Cycle...)
			if frame.real {
				result.Frames++
			}
		}
	}
	ofCycle := map[string]bool{}
	for _, name := range result.Cycle {
		ofCycle[name] = true
	}
	inside := false
	for _, frame := range stack {
		if inside && !ofCycle[frame.name] {
			result.Entry = frame.name
			break
		}
		inside = inside || ofCycle[frame.name]
	}
	if len(result.Cycle) == 0 || result.Entry == "" {
		fail(1, "no cycle in", fmt.Sprint(stack))
	}
	return result
}

// onePeriod returns the frames of one turn, the called one first. The leaf may be at a line where no other frame is.
func onePeriod(stack []namedFrame) []namedFrame {
	for start := range stack {
		for period := 1; start+2*period <= len(stack); period++ {
			same := true
			for i := start; i < start+period && same; i++ {
				same = stack[i] == stack[i+period]
			}
			if same {
				return stack[start : start+period]
			}
		}
	}
	return nil
}
