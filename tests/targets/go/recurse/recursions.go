package main

//go:noinline
func direct(left int) int {
	if left > 1 {
		return direct(left-1) + 1
	}
	bottom()
	return 1
}

//go:noinline
func cycle3First(left int) int {
	if left > 1 {
		return cycle3Second(left-1) + 1
	}
	bottom()
	return 1
}

//go:noinline
func cycle3Second(left int) int {
	var pad [4]int
	pad[left&3] = left
	if left > 1 {
		return cycle3Third(left-1) + pad[1]
	}
	bottom()
	return pad[0]
}

//go:noinline
func cycle3Third(left int) int {
	var pad [9]int
	pad[left&7] = left
	if left > 1 {
		return cycle3First(left-1) + pad[1]
	}
	bottom()
	return pad[0]
}

//go:noinline
func twoFirst(left int) int {
	if left > 1 {
		return twoFirst(left-1) + 1
	}
	return twoSecond(*second)
}

//go:noinline
func twoSecond(left int) int {
	var pad [4]int
	pad[left&3] = left
	if left > 1 {
		return twoSecond(left-1) + pad[1]
	}
	bottom()
	return pad[0]
}

func nextRandom() uint64 {
	random ^= random << 13
	random ^= random >> 7
	random ^= random << 17
	return random
}

// irregular leaves frames of irregularA and irregularB, which differ in size, in random order.
func irregular(left int) int {
	if nextRandom()&(1<<9) != 0 {
		return irregularA(left)
	}
	return irregularB(left)
}

//go:noinline
func irregularA(left int) int {
	callsA++
	if left <= 1 {
		bottom()
		return 1
	}
	if nextRandom()&(1<<9) != 0 {
		return irregularA(left-1) + 1
	}
	return irregularB(left-1) + 1
}

//go:noinline
func irregularB(left int) int {
	var pad [9]int
	pad[left&7] = left
	callsB++
	if left <= 1 {
		bottom()
		return pad[0]
	}
	if nextRandom()&(1<<9) != 0 {
		return irregularA(left-1) + pad[1]
	}
	return irregularB(left-1) + pad[1]
}
