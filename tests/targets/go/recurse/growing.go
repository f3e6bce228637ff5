package main

import "sync"

// levelWork is what each level of a growing recursion spends before it goes deeper.
func levelWork() {
	for i := 0; i < *spins; i++ {
		work++
	}
}

// Config finds a key in a map that contains itself: the bug that profd is for.
type Config struct {
	values map[string]interface{}
	lock   sync.RWMutex
	shared sync.Map
}

//go:noinline
func (c *Config) Get(key string, left int) interface{} {
	levelWork()
	if value, found := c.values[key]; found || left == 0 {
		return value
	}
	parent := c.values["parent"].(*Config)
	return parent.Get(key, left-1)
}

//go:noinline
func (c *Config) GetShared(key string, left int) interface{} {
	levelWork()
	if value, found := c.shared.Load(key); found || left == 0 {
		return value
	}
	parent, _ := c.shared.Load("parent")
	return parent.(*Config).GetShared(key, left-1)
}

//go:noinline
func (c *Config) GetLocked(key string, left int) interface{} {
	c.lock.RLock()
	defer c.lock.RUnlock()
	levelWork()
	if value, found := c.values[key]; found || left == 0 {
		return value
	}
	return c.values["parent"].(*Config).GetLocked(key, left-1)
}

//go:noinline
func mutualA(c *Config, left int) int {
	levelWork()
	if left == 0 {
		return len(c.values)
	}
	return mutualB(c, left-1) + 1
}

//go:noinline
func mutualB(c *Config, left int) int {
	if _, found := c.values["end"]; found {
		return 0
	}
	return mutualA(c, left) + 1
}

// grow recurses until left levels are done; negative never ends by itself.
func grow(mode string, left int) {
	c := &Config{values: map[string]interface{}{}}
	c.values["parent"] = c
	c.shared.Store("parent", c)
	switch mode {
	case "map":
		c.Get("missing", left)
	case "syncmap":
		c.GetShared("missing", left)
	case "mutex":
		c.GetLocked("missing", left)
	case "mutual":
		mutualA(c, left)
	}
}
