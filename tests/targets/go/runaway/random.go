package main

// randomFrames are the next functions of shape random, which differ in the size of their frames.
var randomFrames [8]func(*uint64) uint64

func init() {
	randomFrames = [8]func(*uint64) uint64{random0, random1, random2, random3, random4, random5, random6, random7}
}

var state = uint64(88172645463325252)

func nextRandom() int {
	state ^= state << 13
	state ^= state >> 7
	state ^= state << 17
	return int(state >> 9 & 7)
}

//go:noinline
func random0(depth *uint64) uint64 {
	var pad [1]uint64
	level(depth)
	pad[*depth%1] = *depth
	return randomFrames[nextRandom()](depth) + pad[0]
}

//go:noinline
func random1(depth *uint64) uint64 {
	var pad [3]uint64
	level(depth)
	pad[*depth%3] = *depth
	return randomFrames[nextRandom()](depth) + pad[0]
}

//go:noinline
func random2(depth *uint64) uint64 {
	var pad [8]uint64
	level(depth)
	pad[*depth%8] = *depth
	return randomFrames[nextRandom()](depth) + pad[0]
}

//go:noinline
func random3(depth *uint64) uint64 {
	var pad [14]uint64
	level(depth)
	pad[*depth%14] = *depth
	return randomFrames[nextRandom()](depth) + pad[0]
}

//go:noinline
func random4(depth *uint64) uint64 {
	var pad [24]uint64
	level(depth)
	pad[*depth%24] = *depth
	return randomFrames[nextRandom()](depth) + pad[0]
}

//go:noinline
func random5(depth *uint64) uint64 {
	var pad [40]uint64
	level(depth)
	pad[*depth%40] = *depth
	return randomFrames[nextRandom()](depth) + pad[0]
}

//go:noinline
func random6(depth *uint64) uint64 {
	var pad [72]uint64
	level(depth)
	pad[*depth%72] = *depth
	return randomFrames[nextRandom()](depth) + pad[0]
}

//go:noinline
func random7(depth *uint64) uint64 {
	var pad [128]uint64
	level(depth)
	pad[*depth%128] = *depth
	return randomFrames[nextRandom()](depth) + pad[0]
}
